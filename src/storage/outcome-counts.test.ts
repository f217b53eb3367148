import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { begun, reopen } from '../../test/support/begun-store.js';
import { Chain, key, set, testId, transaction } from '../../test/support/chain.js';
import type { BatchFault, FaultyDisk } from '../../test/support/faulty-database.js';
import { logPosition } from '../model/ids.js';
import { dataKey, numberedKey, outcomeKey } from './layout.js';
import { ApplyFailed, StoreDamaged, type KeyspaceStore } from './store.js';

const minuteMs = 60_000;
const keyOf = (minute: number): Buffer => numberedKey('span', minute);

/** What lies on the disk, counted by hand: by minute [outcomes, bytes]. */
function counted(disk: FaultyDisk): Map<number, [number, number]> {
  const spans = new Map<number, [number, number]>();
  for (const [at, value] of disk.records('o')) {
    const minute = Math.floor(Buffer.from(at, 'latin1').readUIntBE(1, 6) / minuteMs);
    const [outcomes, bytes] = spans.get(minute) ?? [0, 0];
    spans.set(minute, [outcomes + 1, bytes + at.length + value.length]);
  }
  return spans;
}

/** The store, and what it would be after a restart, say what is there; there is a record for each minute and no other. */
async function expectTrue(disk: FaultyDisk, store: KeyspaceStore): Promise<void> {
  const spans = counted(disk);
  expect(disk.records('s').map(([at]) => Buffer.from(at, 'latin1'))).toEqual(
    [...spans.keys()].sort((a, b) => a - b).map(keyOf),
  );
  const all = [...spans.values()];
  const outcomes = all.reduce((sum, [count]) => sum + count, 0);
  const outcomesBytes = all.reduce((sum, [, bytes]) => sum + bytes, 0);
  for (const one of [store, await reopen(disk)]) {
    expect(one.kept).toMatchObject({ outcomes, outcomesBytes });
    let [newer, since] = [0, Math.max(...spans.keys()) + 1];
    for (const [minute, [, bytes]] of [...spans].sort(([a], [b]) => b - a)) {
      newer += bytes;
      expect(one.kept.outcomesSince(newer - 1)).toBe(since * minuteMs);
      since = minute;
    }
  }
}

const at = (...timesMs: readonly number[]): Parameters<Chain['batch']>[0] =>
  timesMs.map((timeMs) => transaction(testId(timeMs), [set(`k${timeMs}`)]));

/** As a version wrote it that knew no records of spans. */
function forgetSpans(disk: FaultyDisk): void {
  for (const [span] of disk.records('s')) disk.overwrite(Buffer.from(span, 'latin1'), undefined);
}

describe('the stored counts of outcomes', () => {
  it('are those of what is there, whatever is applied, trimmed, lost and opened again', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ minutes: fc.array(fc.nat(4), { maxLength: 6 }) }) },
      { weight: 2, arbitrary: fc.record({ floor: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.constant('reopen' as const) },
      { weight: 1, arbitrary: fc.constantFrom<BatchFault>('lost', 'written', 'poisoned') },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const made = await begun();
        const { disk } = made;
        let { store, chain } = made;
        let [next, floorMs] = [0, 0];
        const idsOf = (minutes: readonly number[]): number[] => minutes.map((m) => m * minuteMs + ++next);
        for (const one of steps) {
          if (one === 'reopen') store = await reopen(disk);
          else if (typeof one === 'string') {
            disk.faults.push(one);
            await expect(store.apply([chain.batch(at(...idsOf([1, 2])), floorMs)])).rejects.toThrow(
              ApplyFailed,
            );
            await store.recover();
            chain = new Chain(store.head);
          } else if ('floor' in one) {
            floorMs = Math.max(floorMs, one.floor * minuteMs);
            await store.apply([chain.batch([], floorMs)]);
            await store.trim(logPosition(0));
          } else await store.apply([chain.batch(at(...idsOf(one.minutes)), floorMs)]);
          await expectTrue(disk, store);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('are all that is read of the outcomes at open, but for the newest of them', async () => {
    const { disk, store, chain } = await begun();
    await store.apply([chain.batch(at(minuteMs, minuteMs + 1, 2 * minuteMs))]);
    const { outcomes, outcomesBytes } = store.kept;
    disk.overwrite(outcomeKey(testId(minuteMs)), undefined);
    expect((await reopen(disk)).kept).toMatchObject({ outcomes, outcomesBytes });
  });

  it('are counted once from the outcomes where a store has none, and written with the next batch', async () => {
    for (const next of ['apply', 'trim'] as const) {
      const { disk, store, chain } = await begun();
      await store.apply([
        chain.batch(at(minuteMs, minuteMs + 1, 2 * minuteMs, 9 * minuteMs)),
        chain.barrier(),
      ]);
      forgetSpans(disk);
      const old = await reopen(disk);
      expect(old.kept).toMatchObject({ outcomes: 4, outcomesBytes: store.kept.outcomesBytes });
      expect(disk.records('s')).toEqual([]);
      if (next === 'apply') await old.apply([chain.batch(at(3 * minuteMs))]);
      else await old.trim(logPosition(1));
      await expectTrue(disk, old);
    }
  });

  it('go with the last outcome of their span, also where one had gone before', async () => {
    const { disk, store, chain } = await begun();
    await store.apply([chain.batch(at(minuteMs, minuteMs + 1, 2 * minuteMs)), chain.batch([], 2 * minuteMs)]);
    disk.overwrite(keyOf(1), undefined);
    const lacking = await reopen(disk);
    expect(lacking.kept.outcomes).toBe(1);
    await lacking.trim(logPosition(0));
    await expectTrue(disk, lacking);
  });

  it('are damage when their seal is broken, or when they are of another span', async () => {
    const { disk, store, chain } = await begun();
    await store.apply([chain.batch(at(minuteMs, 2 * minuteMs))]);
    disk.overwrite(keyOf(3), disk.read(keyOf(2)));
    await expect(reopen(disk)).rejects.toThrow(StoreDamaged);
    disk.overwrite(keyOf(3), undefined);
    disk.flipBit(keyOf(1), 0);
    await expect(reopen(disk)).rejects.toThrow(
      `counts the outcomes of ids made from 1970-01-01T00:01:00.000Z on`,
    );
  });

  it('are no part of the state that copies and checks compare', async () => {
    const { disk, store, chain } = await begun();
    await store.apply([chain.batch(at(minuteMs, 2 * minuteMs))]);
    const snapshot = store.snapshot();
    const rows = await snapshot.rows(undefined, Infinity);
    expect(rows.map((row) => row.key)).toEqual([
      ...[minuteMs, 2 * minuteMs].map((time) => dataKey(key(`k${time}`))).sort((a, b) => a.compare(b)),
      ...[minuteMs, 2 * minuteMs].map((time) => outcomeKey(testId(time))),
    ]);
    const hash = await snapshot.stateHash();
    forgetSpans(disk);
    expect(await (await reopen(disk)).snapshot().stateHash()).toEqual(hash);
  });
});
