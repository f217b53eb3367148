import { describe, expect, it } from 'vitest';
import { begun, reopen } from '../../test/support/begun-store.js';
import { key, set, testId } from '../../test/support/chain.js';
import { chunkOf, donor, transferId, type Donor } from '../../test/support/copy-donor.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { MemoryPlace } from '../../test/support/memory-place.js';
import { logPosition } from '../model/ids.js';
import { silentLogger } from '../runtime/runtime.js';
import type { CopyChunk, IncomingCopy } from './incoming-copy.js';
import { dataKey, headKey, numberedKey, outcomeKey } from './layout.js';
import { beginIncomingCopy, openIncomingCopy } from './level-incoming-copy.js';
import {
  ApplyFailed,
  EntriesDoNotFollow,
  StoreClosed,
  StoreDamaged,
  type Database,
  type KeyspaceStore,
  type OpenDatabase,
} from './store.js';

const begin = (disk: FaultyDisk, { origin }: Donor): Promise<IncomingCopy> =>
  beginIncomingCopy(disk.open, origin, silentLogger);
const resume = (disk: FaultyDisk): Promise<IncomingCopy | undefined> =>
  openIncomingCopy(disk.open, silentLogger);

async function received(disk: FaultyDisk, from: Donor): Promise<IncomingCopy> {
  const copy = await begin(disk, from);
  for (const chunk of from.chunks) await copy.addChunk(chunk);
  await copy.addEntries(from.entries);
  return copy;
}

async function expectSame(disk: FaultyDisk, { store }: Donor): Promise<KeyspaceStore> {
  const joined = await reopen(disk);
  expect(joined.head).toEqual(store.head);
  expect(await joined.snapshot().stateHash()).toEqual(await store.snapshot().stateHash());
  expect(joined.outcome(testId(10_001))).toEqual(store.outcome(testId(10_001)));
  expect(joined.kept.outcomes).toBe(store.kept.outcomes);
  expect(joined.kept.outcomesBytes).toBe(store.kept.outcomesBytes);
  return joined;
}

describe('an incoming copy', () => {
  it('becomes a store of the same state, with the entries that follow it alone', async () => {
    const from = await donor();
    expect(from.chunks.length).toBeGreaterThan(5);
    const disk = new FaultyDisk();
    const copy = await received(disk, from);
    expect(copy.isWhole).toBe(false);
    await copy.finish(from.chunks.length);
    expect(copy.isWhole).toBe(true);
    expect(disk.records('s').length).toBeGreaterThan(1);
    const reached: number[] = [];
    expect(await copy.replay((position) => reached.push(position))).toEqual(from.store.head);
    expect(reached).toEqual([from.store.head.position]);
    await copy.close();
    const joined = await expectSame(disk, from);
    const first = from.origin.head.position + 1;
    expect(joined.oldestPosition).toBe(first);
    expect(joined.chainHashAt(first - 1)).toEqual(from.origin.head.chainHash);
    expect(await joined.entries(logPosition(first), Infinity)).toEqual(from.entries);
    expect(disk.keys().map((at) => at.toString('latin1', 0, 1))).not.toContain('c');
    await joined.apply([from.chain.transactions([set('goes on')])]);
    expect(joined.snapshot().get(key('goes on'))).toBeDefined();
  });

  it('without entries is a store that keeps none, and takes those that follow', async () => {
    const from = await donor();
    const disk = new FaultyDisk();
    const copy = await begin(disk, from);
    for (const chunk of from.chunks) await copy.addChunk(chunk);
    await copy.finish(from.chunks.length);
    await copy.replay(() => undefined);
    const joined = await reopen(disk);
    expect(joined.head).toEqual(from.origin.head);
    expect(joined.oldestPosition).toBe(joined.head.position + 1);
    expect(joined.kept.positionWithin(0)).toBe(joined.oldestPosition);
    expect(await joined.entries(logPosition(joined.head.position), 1)).toEqual([]);
    await joined.trim(logPosition(joined.head.position));
    await joined.apply(from.entries);
    await expectSame(disk, from);
  });

  it('of an empty state is whole without a chunk', async () => {
    const { store } = await begun();
    const disk = new FaultyDisk();
    const origin = {
      transferId,
      head: store.head,
      replaced: [{ keyspaceId: store.head.keyspaceId!, position: 3, seqno: store.head.seqno }],
    };
    const copy = await beginIncomingCopy(disk.open, origin, silentLogger);
    await copy.finish(0);
    await copy.replay(() => undefined);
    expect((await reopen(disk)).replaced).toEqual(origin.replaced);
  });

  it('goes on where it stood after a break, at every chunk', async () => {
    const from = await donor();
    const disk = new FaultyDisk();
    expect(await resume(disk)).toBeUndefined();
    await (await begin(disk, from)).close();
    let bytes = 0;
    for (const [i, chunk] of from.chunks.entries()) {
      const copy = (await resume(disk))!;
      expect(copy.origin).toEqual(from.origin);
      expect(copy.progress).toMatchObject({
        chunks: i,
        bytes,
        lastKey: from.chunks[i - 1]?.rows.at(-1)?.key,
      });
      await copy.addChunk(chunk);
      if (i < from.entries.length) await copy.addEntries(from.entries.slice(0, i + 1));
      bytes += chunk.rows.reduce((total, row) => total + row.key.length + row.value.length, 0);
      const { progress } = copy;
      await copy.close();
      await expect(reopen(disk)).rejects.toThrow(StoreDamaged);
      const again = (await resume(disk))!;
      expect(again.progress).toEqual(progress);
      await again.close();
    }
    const copy = (await resume(disk))!;
    await copy.finish(from.chunks.length);
    await copy.close();
    const whole = (await resume(disk))!;
    expect(whole.isWhole).toBe(true);
    await whole.finish(from.chunks.length);
    await whole.replay(() => undefined);
    await expectSame(disk, from);
    expect(await resume(disk)).toBeUndefined();
  });

  it('takes only the next chunk, whole, in order and of rows that belong to a copy', async () => {
    const from = await donor();
    const copy = await begin(new FaultyDisk(), from);
    const [first, second] = from.chunks as [CopyChunk, CopyChunk];
    const refused: [CopyChunk, string][] = [
      [second, 'chunk 2 comes after chunk 0'],
      [{ ...first, hash: second.hash }, 'not what its hash says'],
      [chunkOf(1, []), 'empty'],
      [chunkOf(1, [...first.rows].reverse()), 'order'],
      [chunkOf(1, [{ key: headKey, value: Buffer.alloc(3) }]), 'belongs to no copy'],
    ];
    for (const [chunk, message] of refused) {
      const attempt = copy.addChunk(chunk);
      await expect(attempt).rejects.toThrow(StoreDamaged);
      await expect(attempt).rejects.toThrow(message);
    }
    await copy.addChunk(first);
    await expect(copy.addChunk(first)).rejects.toThrow('chunk 1 comes after chunk 1');
    await expect(copy.addChunk(chunkOf(2, first.rows))).rejects.toThrow('order');
    await copy.addChunk(second);
    expect(copy.progress.chunks).toBe(2);
  });

  it('takes entries again, but none that do not follow', async () => {
    const from = await donor();
    const copy = await begin(new FaultyDisk(), from);
    const [one, two, three] = from.entries as [Buffer, Buffer, Buffer];
    await expect(copy.addEntries([two])).rejects.toThrow(EntriesDoNotFollow);
    await copy.addEntries([one]);
    await copy.addEntries([one, two]);
    const damaged = Buffer.from(three);
    damaged[damaged.length - 9]! ^= 1;
    await expect(copy.addEntries([damaged])).rejects.toThrow(EntriesDoNotFollow);
    expect(copy.progress.entriesTo.position).toBe(from.origin.head.position + 2);
    await copy.addEntries([one, two, three]);
    expect(copy.progress.entriesTo).toEqual({
      position: from.store.head.position,
      hash: from.store.head.chainHash,
    });
  });

  it('is not begun over another one, nor finished or replayed before its time', async () => {
    const from = await donor();
    const disk = new FaultyDisk();
    const copy = await received(disk, from);
    await expect(begin(disk, from)).rejects.toThrow(StoreDamaged);
    await expect(copy.finish(from.chunks.length + 1)).rejects.toThrow(`${from.chunks.length} chunks`);
    await expect(copy.finish(from.chunks.length - 1)).rejects.toThrow(StoreDamaged);
    await expect(copy.replay(() => undefined)).rejects.toThrow('not whole');
    await copy.close();
    await expect(copy.addEntries([])).rejects.toThrow(StoreClosed);
  });

  it('is to be opened anew after a write that failed', async () => {
    const from = await donor();
    const disk = new FaultyDisk();
    const copy = await begin(disk, from);
    await copy.addChunk(from.chunks[0]!);
    disk.faults.push('poisoned');
    await expect(copy.addChunk(from.chunks[1]!)).rejects.toThrow(ApplyFailed);
    await expect(copy.addChunk(from.chunks[1]!)).rejects.toThrow(ApplyFailed);
    await copy.close();
    const again = (await resume(disk))!;
    expect(again.progress.chunks).toBe(1);
    for (const chunk of from.chunks.slice(1)) await again.addChunk(chunk);
    disk.faults.push('poisoned');
    await expect(again.finish(from.chunks.length)).rejects.toThrow(ApplyFailed);
    await again.close();
    await expect(reopen(disk)).rejects.toThrow(StoreDamaged);
    const last = (await resume(disk))!;
    await last.addEntries(from.entries);
    await last.finish(from.chunks.length);
    await last.replay(() => undefined);
    await expectSame(disk, from);
  });
});

describe('a hole in an incoming copy', () => {
  async function cut(damage: (disk: FaultyDisk, from: Donor) => void): Promise<unknown> {
    const from = await donor();
    const disk = new FaultyDisk();
    await (await received(disk, from)).close();
    disk.crash((batch) => batch);
    damage(disk, from);
    const attempt = await resume(disk)
      .then((copy) => copy!.finish(from.chunks.length))
      .catch((error: unknown) => error);
    await expect(reopen(disk)).rejects.toThrow(StoreDamaged);
    return attempt;
  }

  it.each<[string, RegExp, (disk: FaultyDisk, from: Donor) => void]>([
    ['a row', /^the rows of chunk \d+ are not/, (disk) => disk.overwrite(dataKey(key('key 5')), undefined)],
    [
      'the last row',
      /^the rows of chunk/,
      (disk, from) => disk.overwrite(from.chunks.at(-1)!.rows.at(-1)!.key, undefined),
    ],
    ['an outcome', /^the rows of chunk/, (disk) => disk.overwrite(outcomeKey(testId(10_001)), undefined)],
    ['a bit', /^the rows of chunk/, (disk) => disk.flipBit(dataKey(key('key 5')), 3)],
    [
      'a row too many',
      /^the rows of chunk/,
      (disk) => disk.overwrite(dataKey(key('key 55')), Buffer.alloc(9)),
    ],
    [
      'a row too many at the end',
      /came in no chunk/,
      (disk) => disk.overwrite(Buffer.from('x~'), Buffer.alloc(0)),
    ],
    [
      'a chunk',
      /^chunk 2 of the copy is missing/,
      (disk) => disk.overwrite(numberedKey('chunk', 2), undefined),
    ],
    [
      'a chunk with its rows',
      /^chunk 2 of the copy is missing/,
      (disk, from) => {
        disk.overwrite(numberedKey('chunk', 2), undefined);
        for (const row of from.chunks[1]!.rows) disk.overwrite(row.key, undefined);
      },
    ],
    [
      'a chunk record',
      /checksum of the record of chunk 3/,
      (disk) => disk.flipBit(numberedKey('chunk', 3), 5),
    ],
    [
      'the last chunk',
      /^the copy has \d+ chunks, not/,
      (disk, from) => disk.overwrite(numberedKey('chunk', from.chunks.length), undefined),
    ],
  ])('is found, and it never opens as a store: %s', async (_, message, damage) => {
    const error = await cut(damage);
    expect(error).toBeInstanceOf(StoreDamaged);
    expect((error as Error).message).toMatch(message);
  });

  it('among the entries beside it costs those behind it alone', async () => {
    const from = await donor();
    const disk = new FaultyDisk();
    await (await received(disk, from)).close();
    disk.crash((batch) => batch);
    const first = from.origin.head.position + 1;
    disk.overwrite(numberedKey('beside', first + 1), undefined);
    const copy = (await resume(disk))!;
    expect(copy.progress.entriesTo.position).toBe(first);
    expect(disk.read(numberedKey('beside', first + 2))).toBeUndefined();
    await copy.addEntries(from.entries);
    await copy.finish(from.chunks.length);
    await copy.replay(() => undefined);
    await expectSame(disk, from);
  });
});

describe('a loss of power while a copy is brought in', () => {
  /** Which of the batches that were not synced survive; of each all or nothing, as LevelDB has it, in any choice. */
  const patterns = Array.from({ length: 24 }, (_, seed) => seed);

  it.each(patterns)(
    'leaves what goes on or is dropped, and a whole store at the end: pattern %i',
    async (seed) => {
      const from = await donor();
      let crashed = 0;
      for (let crashAt = seed % 3; crashAt < from.chunks.length + 12; crashAt += 3) {
        const place = new MemoryPlace();
        let writes = 0;
        let choice = seed;
        const open = async (): Promise<Database> => {
          const database = await place.openIncoming();
          const begin = database.batch.bind(database) as () => ReturnType<Database['batch']>;
          const crashing = (): ReturnType<Database['batch']> => {
            if (writes++ === crashAt) {
              place.crash((batch) => (((choice = (choice * 7 + 3) % 31) & 1) === 0 ? batch : []));
            }
            return begin();
          };
          return Object.assign(database, { batch: crashing }) as Database;
        };
        for (let attempt = 0; ; attempt++) {
          expect(attempt).toBeLessThan(5);
          try {
            await bringIn(place, open, from);
            break;
          } catch (error) {
            if (place.incoming !== undefined) await expectPrefix(place.incoming, from);
            if (error instanceof StoreDamaged) await place.dropIncoming();
          }
        }
        await place.exchange({ setAside: false });
        await expectSame(place.current, from);
        if (writes > crashAt) crashed += 1;
      }
      expect(crashed).toBeGreaterThan(3);
    },
  );

  async function bringIn(place: MemoryPlace, open: OpenDatabase, from: Donor): Promise<void> {
    let copy = await openIncomingCopy(open, silentLogger);
    if (copy === undefined) {
      await place.dropIncoming();
      copy = await beginIncomingCopy(open, from.origin, silentLogger);
    }
    if (!copy.isWhole) {
      for (const chunk of from.chunks.slice(copy.progress.chunks)) await copy.addChunk(chunk);
    }
    await copy.addEntries(from.entries);
    await copy.finish(from.chunks.length);
    await copy.replay(() => undefined);
  }

  /** What opens as a store is empty, or one of the donor's states from the copy's on. */
  async function expectPrefix(disk: FaultyDisk, from: Donor): Promise<void> {
    const copied = new FaultyDisk();
    for (const at of disk.keys()) copied.overwrite(at, disk.read(at));
    const opened = await reopen(copied).catch((error: unknown) => error);
    if (opened instanceof StoreDamaged) return;
    const store = opened as KeyspaceStore;
    if (store.head.position < 0) return;
    expect(store.head.position).toBeGreaterThanOrEqual(from.origin.head.position);
    await store.apply(from.entries.slice(store.head.position - from.origin.head.position));
    expect((await store.snapshot().stateHash()).hash).toBe((await from.store.snapshot().stateHash()).hash);
  }
});

it('a whole copy is durable', async () => {
  const from = await donor();
  const disk = new FaultyDisk();
  const copy = await received(disk, from);
  await copy.finish(from.chunks.length);
  disk.crash();
  const whole = (await resume(disk))!;
  expect(whole.isWhole).toBe(true);
  await whole.replay(() => undefined);
  disk.crash();
  await expectSame(disk, from);
});
