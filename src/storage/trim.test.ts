import { describe, expect, it } from 'vitest';
import { begun, keyspaceId, reopen } from '../../test/support/begun-store.js';
import { Chain, set, testId, transaction } from '../../test/support/chain.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { logPosition } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { silentLogger } from '../runtime/runtime.js';
import { entryKey, everything, numberedKey } from './layout.js';
import { beginIncomingCopy } from './level-incoming-copy.js';
import { openKeyspaceStore } from './keyspace-store.js';
import { ApplyFailed, StoreDamaged, type Database, type KeyspaceStore } from './store.js';

async function filled(
  count: number,
): Promise<Awaited<ReturnType<typeof begun>> & { readonly hashes: Buffer[] }> {
  const made = await begun();
  const hashes = [made.store.head.chainHash];
  const entries: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    entries.push(made.chain.transactions([set(`k${i % 10}`)]));
    hashes.push(made.chain.tail.chainHash);
  }
  await made.store.apply(entries);
  return { ...made, hashes };
}

/** What a store says that it keeps is what it would say after a restart. */
async function expectCounted(store: KeyspaceStore, disk: FaultyDisk): Promise<void> {
  const again = await reopen(disk);
  const { oldestPosition, entriesBytes, outcomes, outcomesBytes } = again.kept;
  expect(store.kept).toMatchObject({ oldestPosition, entriesBytes, outcomes, outcomesBytes });
  expect(oldestPosition).toBe(store.oldestPosition);
  const rows = disk.records('o');
  expect(outcomes).toBe(rows.length);
  expect(outcomesBytes).toBe(rows.reduce((bytes, [at, value]) => bytes + at.length + value.length, 0));
}

it('room is not asked for again and again while a snapshot keeps it: what is dropped meanwhile is gone over once in a while', async () => {
  const disk = new FaultyDisk();
  let compacted = 0;
  let left = 0;
  const open = async (): Promise<Database> =>
    Object.assign(await disk.open(), {
      compactRange: (start: Buffer) => {
        if (start.equals(everything('entry').gte)) compacted += 1;
        return Promise.resolve();
      },
      approximateSize: () => Promise.resolve(left),
    });
  const store = await openKeyspaceStore(open, silentLogger);
  const chain = new Chain(store.head);
  await store.apply([chain.next({ kind: 'genesis', keyspaceId, keyspace: 'default' })]);
  const large = 'x'.repeat(limits.valueBytesMax - 1);
  const drop = async (mebibytes: number): Promise<number> => {
    for (let i = 0; i < mebibytes; i++) await store.apply([chain.transactions([set('k', large)])]);
    await store.trim(logPosition(store.head.position));
    return compacted;
  };
  expect(await drop(21)).toBe(1);
  left = 80 * 1024 * 1024;
  expect(await drop(20)).toBe(2);
  expect(await drop(20)).toBe(2);
  left = 0;
  expect(await drop(30)).toBe(3);
  expect(await drop(20)).toBe(4);
  await store.close();
}, 60_000);

describe('trim', () => {
  it('drops entries but keeps the place, so that the rest is still verified', async () => {
    const { disk, store } = await filled(5);
    await store.trim(logPosition(3));
    expect(store.oldestPosition).toBe(3);
    expect(await store.entries(logPosition(2), 1)).toEqual([]);
    expect(store.entryHeader(logPosition(2))).toBeUndefined();
    await expectCounted(store, disk);
    const again = await reopen(disk);
    expect(again.oldestPosition).toBe(3);
    expect(again.head).toEqual(store.head);
    disk.overwrite(entryKey(3), undefined);
    await expect(reopen(disk)).rejects.toThrow('entry 3 is missing');
  });

  it('keeps the chain hashes of what it dropped, in whatever steps', async () => {
    const { disk, store, hashes, chain } = await filled(300);
    for (const upTo of [1, 2, 63, 64, 65, 130, 131, 299]) {
      await store.trim(logPosition(upTo));
      expect(store.oldestPosition).toBe(upTo);
      expect(hashes.map((_, position) => store.chainHashAt(position))).toEqual(hashes);
    }
    await store.trim(logPosition(10_000));
    expect(store.oldestPosition).toBe(300);
    await store.apply([chain.transactions([set('more')])]);
    await expectCounted(store, disk);
    const again = await reopen(disk);
    expect(hashes.map((_, position) => again.chainHashAt(position))).toEqual(hashes);
    expect(again.chainHashAt(302)).toBeUndefined();
    disk.flipBit(numberedKey('hashes', 1), 5);
    const damaged = await reopen(disk);
    expect(damaged.chainHashAt(60)).toEqual(hashes[60]);
    expect(() => damaged.chainHashAt(64)).toThrow(StoreDamaged);
  });

  it('drops many at once, but not more than one trim may', async () => {
    const { disk, store } = await filled(9000);
    await store.trim(logPosition(8500));
    expect(store.oldestPosition).toBe(8500);
    await expectCounted(store, disk);
  });

  it('forgets the oldest chain hashes', async () => {
    const donor = await filled(3);
    const disk = new FaultyDisk();
    const position = 2 * limits.chainHashesMax;
    const head = { ...donor.store.head, position };
    const copy = await beginIncomingCopy(
      disk.open,
      { transferId: Buffer.alloc(16), head, replaced: [] },
      silentLogger,
    );
    await copy.finish(0);
    await copy.replay(() => undefined);
    const old = numberedKey('hashes', 5);
    const recent = numberedKey('hashes', Math.floor((position - limits.chainHashesMax) / 64) + 2);
    for (const at of [old, recent]) disk.overwrite(at, Buffer.alloc(3));
    const store = await reopen(disk);
    const chain = new Chain(store.head);
    await store.apply([chain.barrier(), chain.barrier()]);
    await store.trim(logPosition(position + 2));
    expect(disk.read(old)).toBeUndefined();
    expect(disk.read(recent)).toBeDefined();
    expect(store.chainHashAt(position)).toEqual(head.chainHash);
  });

  it('drops outcomes of ids below the id floor, and only those', async () => {
    const { store, chain, disk } = await begun();
    const ids = [testId(100), testId(199), testId(200)];
    await store.apply([chain.batch(ids.map((id, i) => transaction(id, [set(`k${i}`)])))]);
    expect(store.kept.outcomes).toBe(3);
    await store.apply([chain.batch([], 200)]);
    await store.trim(logPosition(0));
    expect(ids.map((id) => store.outcome(id)?.kind)).toEqual([undefined, undefined, 'committed']);
    expect(store.kept.outcomes).toBe(1);
    await expectCounted(store, disk);
  });

  it('goes on beside applies', async () => {
    const { disk, store, chain } = await filled(9000);
    const trimmed = store.trim(logPosition(9000));
    for (let i = 0; i < 20; i++) await store.apply([chain.transactions([set(`during ${i}`)])]);
    await trimmed;
    expect(store.oldestPosition).toBe(9000);
    await expectCounted(store, disk);
    expect((await reopen(disk)).head).toEqual(store.head);
  });

  it('that fails halts the store, which recovers with what was dropped, or what was not', async () => {
    for (const fault of ['lost', 'written', 'poisoned'] as const) {
      const { disk, store, hashes } = await filled(9000);
      disk.faults.push(fault);
      await expect(store.trim(logPosition(8000))).rejects.toThrow(ApplyFailed);
      expect(store.halted).toContain('injected fault');
      await expect(store.trim(logPosition(8000))).rejects.toThrow(ApplyFailed);
      await store.recover();
      expect(store.halted).toBeUndefined();
      expect(store.oldestPosition).toBe(fault === 'written' ? 4000 : 0);
      await store.trim(logPosition(8000));
      expect(store.oldestPosition).toBe(8000);
      expect(store.chainHashAt(3999)).toEqual(hashes[3999]);
      await expectCounted(store, disk);
    }
  });
});
