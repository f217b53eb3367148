import { describe, expect, it } from 'vitest';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { eventually } from '../../test/support/eventually.js';
import { begun, keyspaceId, reopen } from '../../test/support/begun-store.js';
import {
  atomic,
  Chain,
  expire,
  key,
  remove,
  removeRange,
  set,
  testId,
  transaction,
} from '../../test/support/chain.js';
import { epoch, logPosition } from '../model/ids.js';
import { firstKey, prefixRange, type KeyRange } from '../model/keys.js';
import { silentLogger } from '../runtime/runtime.js';
import { everything } from './layout.js';
import { openKeyspaceStore } from './keyspace-store.js';
import {
  ApplyFailed,
  EntriesDoNotFollow,
  StoreClosed,
  type Database,
  type KeyspaceStore,
  type StoreSnapshot,
} from './store.js';

const allKeys: KeyRange = { start: firstKey, end: undefined };

async function keysOf(store: KeyspaceStore, range = allKeys, reverse = false): Promise<string[]> {
  const snapshot = store.snapshot();
  const keys: string[] = [];
  for await (const page of snapshot.scan(range, { reverse })) keys.push(...page.map((entry) => entry.key));
  snapshot.release();
  return keys;
}

function hints(disk: FaultyDisk): number {
  const { gte, lt } = everything('expiry');
  return disk.keys().filter((at) => at.compare(gte) >= 0 && at.compare(lt) < 0).length;
}

describe('a store', () => {
  it('is empty until a genesis begins its history', async () => {
    const store = await reopen(new FaultyDisk());
    expect(store.head).toMatchObject({ keyspaceId: undefined, position: -1, seqno: 0 });
    expect(await store.entries(logPosition(0), 1)).toEqual([]);
    expect(store.oldestPosition).toBe(0);
    const orphan = new Chain(store.head).transactions([set('a')]);
    await expect(store.apply([orphan])).rejects.toThrow('a batch cannot be at this position');
  });

  it('answers after a restart as before it', async () => {
    const { disk, store, chain } = await begun();
    const mutations = [set('a', 'one', 60), atomic('sum', 'n', 41n), atomic('sum', 'n', 1n)];
    await store.apply([chain.barrier(), chain.batch([transaction(testId(9_000), mutations)], 77)]);
    await store.elect(Buffer.alloc(16, 5));
    await store.close();
    const again = await reopen(disk);
    expect(again.head).toEqual(store.head);
    expect(again.head).toMatchObject({ keyspaceId, position: 2, seqno: 1, epoch: 1, idFloorMs: 77 });
    expect(again.election).toEqual(Buffer.alloc(16, 5));
    expect(again.outcome(testId(9_000))).toMatchObject({
      kind: 'committed',
      seqno: 1,
      results: [null, 41n, 42n],
    });
    const snapshot = again.snapshot();
    expect(snapshot.get(key('a'))).toMatchObject({ version: 1, expiresAtMs: chain.logTimeMs + 60 });
    expect(snapshot.get(key('n'))?.value).toEqual({ kind: 'counter', count: 42n });
    expect(again.chainHashAt(2)).toEqual(again.head.chainHash);
  });

  it('applies groups of mutations that need the state before, many of them too', async () => {
    const { store, chain } = await begun();
    const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
    await store.apply([chain.transactions(...names.map((name) => [atomic('sum', name, 1n)]))]);
    await store.apply([
      chain.transactions(...names.map((name) => [atomic('sum', name, 2n)]), [removeRange('n3', 'n4')]),
    ]);
    const snapshot = store.snapshot();
    expect(snapshot.get(key('n5'))).toMatchObject({ version: 46, value: { count: 3n } });
    expect(await keysOf(store, prefixRange(key('n3')))).toEqual([]);
    expect(await snapshot.getMany([key('n5'), key('n3')])).toEqual([snapshot.get(key('n5')), undefined]);
  });

  it('keeps tombstones, which leave data and seqno alone', async () => {
    const { store, chain } = await begun();
    const outcome = {
      kind: 'aborted',
      code: 'TRANSACTION_ABORTED',
      conflict: undefined,
      contentHash: undefined,
    } as const;
    const [applied] = await store.apply([chain.batch([{ kind: 'tombstone', id: testId(5), outcome }])]);
    expect(applied!.outcomes).toEqual([{ id: testId(5), outcome }]);
    expect(store.outcome(testId(5))).toEqual(outcome);
    expect(store.outcome(testId(6))).toBeUndefined();
    expect(store.head).toMatchObject({ position: 1, seqno: 0 });
  });

  it('refuses an id that has an outcome already, as a bug, and goes on', async () => {
    const { store, chain } = await begun();
    await store.apply([chain.batch([transaction(testId(5), [set('a')])])]);
    const fork = new Chain(store.head);
    await expect(store.apply([fork.batch([transaction(testId(5), [set('b')])])])).rejects.toThrow(
      'gets a second one',
    );
    await store.apply([chain.batch([transaction(testId(6), [set('b')])])]);
    expect(store.head.seqno).toBe(2);
  });

  it('refuses it after a restart too', async () => {
    const { disk, store } = await begun();
    await store.apply([new Chain(store.head).batch([transaction(testId(5), [set('a')])])]);
    const again = await reopen(disk);
    expect(again.outcome(testId(5))).toMatchObject({ kind: 'committed', seqno: 1 });
    const entry = new Chain(again.head).batch([transaction(testId(5), [set('b')])]);
    await expect(again.apply([entry])).rejects.toThrow('gets a second one');
  });

  it('shows each snapshot its own state, whatever others have read or written meanwhile', async () => {
    const { store, chain } = await begun();
    const versions = (snapshot: StoreSnapshot) =>
      ['a', 'b', 'n'].map((text) => snapshot.get(key(text))?.version);
    await store.apply([chain.transactions([set('a'), set('b'), atomic('sum', 'n', 1n)])]);
    const first = store.snapshot();
    const unread = store.snapshot();
    expect(versions(first)).toEqual([1, 1, 1]);
    await store.apply([chain.transactions([set('a'), remove('b'), atomic('sum', 'n', 1n)])]);
    const second = store.snapshot();
    expect(versions(unread)).toEqual([1, 1, 1]);
    expect(versions(second)).toEqual([2, undefined, 2]);
    await store.apply([chain.transactions([set('b')], [set('a', 'v'.repeat(5000))])]);
    const third = store.snapshot();
    expect(versions(first)).toEqual([1, 1, 1]);
    expect(versions(second)).toEqual([2, undefined, 2]);
    expect(versions(third)).toEqual([4, 3, 2]);
    expect(third.get(key('n'))?.value).toEqual({ kind: 'counter', count: 2n });
    expect(first.get(key('n'))?.value).toEqual({ kind: 'counter', count: 1n });
  });

  it('tells listeners of every apply once it is durable and readable', async () => {
    const { store, chain } = await begun();
    const heard: unknown[] = [];
    const stop = store.onApplied((applied, head) => {
      heard.push([
        applied.map(({ entry }) => entry.position),
        head.position,
        store.snapshot().get(key('a'))?.version,
      ]);
    });
    store.onApplied(() => {
      throw new Error('a bug of a listener');
    });
    await store.apply([chain.transactions([set('a')]), chain.transactions([set('a')])]);
    await store.apply([chain.transactions([set('a')])]);
    stop();
    await store.apply([chain.barrier()]);
    expect(heard).toEqual([
      [[1, 2], 2, 2],
      [[3], 3, 3],
    ]);
  });
});

describe('entries that do not follow', () => {
  const cases: [string, string, (chain: Chain) => Uint8Array][] = [
    ['a gap', 'position 1 was expected', (chain) => (chain.barrier(), chain.barrier())],
    [
      'another history',
      'chain hash',
      (chain) => new Chain({ ...chain.tail, chainHash: Buffer.alloc(32, 1) }).barrier(),
    ],
    ['a seqno left out', 'seqno 1 was expected', (chain) => new Chain({ ...chain.tail, seqno: 4 }).barrier()],
    ['time that goes back', 'log time', (chain) => new Chain(chain.tail, undefined, 999).barrier()],
    [
      'a second genesis',
      'cannot be at this position',
      (chain) => chain.next({ kind: 'genesis', keyspaceId, keyspace: 'k' }),
    ],
    ['damage', 'malformed', (chain) => Buffer.from(chain.barrier()).fill(1, 92)],
    ['a kind that is not known', 'unknown kind 9', (chain) => Buffer.from(chain.barrier()).fill(9, 1, 2)],
  ];

  it.each(cases)('are refused and change nothing: %s', async (_, message, make) => {
    const { store, chain, disk } = await begun();
    const before = disk.keys();
    const attempt = store.apply([make(chain)]);
    await expect(attempt).rejects.toThrow(EntriesDoNotFollow);
    await expect(attempt).rejects.toThrow(message);
    expect(disk.keys()).toEqual(before);
    await store.apply([new Chain(store.head).barrier()]);
    expect(store.head.position).toBe(1);
  });

  it('are refused when an epoch or the id floor falls', async () => {
    const { store, chain } = await begun();
    await store.apply([chain.barrier(), chain.batch([], 50)]);
    const older = new Chain({ ...store.head, epoch: epoch(0) });
    await expect(store.apply([older.batch([], 50)])).rejects.toThrow('epoch 0 is below 1');
    await expect(store.apply([new Chain(store.head).batch([], 49)])).rejects.toThrow('the id floor falls');
  });

  it('take the whole group with them', async () => {
    const { store, chain } = await begun();
    const good = chain.transactions([set('a')]);
    chain.barrier();
    await expect(store.apply([good, chain.barrier()])).rejects.toThrow(EntriesDoNotFollow);
    expect(store.head.position).toBe(0);
    expect(store.snapshot().get(key('a'))).toBeUndefined();
  });
});

describe('snapshots', () => {
  it('stay what they were while the store goes on', async () => {
    const { store, chain } = await begun();
    await store.apply([chain.transactions([set('a', 'old')])]);
    const old = store.snapshot();
    await store.apply([chain.transactions([set('a', 'new'), set('b')])]);
    expect(old.head.seqno).toBe(1);
    expect(old.get(key('a'))?.version).toBe(1);
    expect(old.get(key('b'))).toBeUndefined();
    expect(store.snapshot().get(key('a'))?.version).toBe(2);
  });

  it('cannot be read once released; the others of the same state can', async () => {
    const { store, chain } = await begun();
    await store.apply([chain.transactions([set('a')])]);
    const [one, other] = [store.snapshot(), store.snapshot()];
    one.release();
    one.release();
    await store.apply([chain.barrier()]);
    expect(() => one.get(key('a'))).toThrow(StoreClosed);
    expect(other.get(key('a'))?.version).toBe(1);
    other.release();
  });

  it('scan ranges in bytewise order, both ways, over many pages', async () => {
    const { store, chain } = await begun();
    const names = ['', 'a', 'ab', 'b', '\u{1f600}', '\uffff', 'z'];
    const many = Array.from({ length: 700 }, (_, i) => `m${String(i).padStart(4, '0')}`);
    await store.apply([chain.transactions([...names, ...many].map((name) => set(name)))]);
    const expected = [...names, ...many].map(key).sort();
    expect(await keysOf(store)).toEqual(expected);
    expect(await keysOf(store, allKeys, true)).toEqual([...expected].reverse());
    expect(await keysOf(store, { start: key('a'), end: key('b') })).toEqual(['a', 'ab']);
    expect(await keysOf(store, { start: key('b'), end: key('a') })).toEqual([]);
  });

  it('end with the store, by a typed error', async () => {
    const { store, chain } = await begun();
    await store.apply([chain.transactions([set('a')])]);
    const snapshot = store.snapshot();
    await store.close();
    await store.close();
    expect(() => snapshot.get(key('a'))).toThrow(StoreClosed);
    await expect(snapshot.stateHash()).rejects.toThrow(StoreClosed);
    expect(() => store.snapshot()).toThrow(StoreClosed);
    await expect(store.apply([chain.barrier()])).rejects.toThrow(StoreClosed);
  });
});

it('a batch whose base cannot be read is not written, and is after the store was reopened', async () => {
  const disk = new FaultyDisk();
  const databases: Database[] = [];
  const open = async (): Promise<Database> => {
    databases.push(await disk.open());
    return databases.at(-1)!;
  };
  const store = await openKeyspaceStore(open, silentLogger);
  const chain = new Chain(store.head);
  await store.apply([chain.next({ kind: 'genesis', keyspaceId, keyspace: 'default' })]);
  const entry = chain.transactions([atomic('sum', 'k', 1n)]);
  databases[0]!.getSync = () => {
    throw new Error('IO error: too many open files');
  };
  await expect(store.apply([entry])).rejects.toThrow(ApplyFailed);
  expect((await store.recover()).position).toBe(0);
  await store.apply([entry]);
  expect(store.head.position).toBe(1);
});

it('knows after a failed write whether it was condemned', async () => {
  const condemned = { why: 'its hash differs', sinceMs: 77 };
  for (const fault of ['lost', 'written'] as const) {
    const { disk, store } = await begun();
    disk.faults.push(fault);
    await expect(store.condemn(condemned)).rejects.toThrow(ApplyFailed);
    expect(store.halted).toContain('injected fault');
    await store.recover();
    expect(store.halted).toBeUndefined();
    expect(store.condemned).toEqual(fault === 'written' ? condemned : undefined);
    expect((await reopen(disk)).condemned).toEqual(store.condemned);
  }
});

describe('expiry', () => {
  it('names the keys that are due, oldest first, whatever the hints say', async () => {
    const { store, chain } = await begun();
    await store.apply([
      chain.transactions([
        set('late', 'v', 90),
        set('soon', 'v', 10),
        set('renewed', 'v', 20),
        set('gone', 'v', 30),
      ]),
      chain.transactions([set('renewed', 'v', 500), remove('gone'), set('never')]),
    ]);
    const at = (ttlMs: number): number => chain.logTimeMs + ttlMs;
    expect(await store.expired(at(9), 10)).toEqual([]);
    expect(await store.expired(at(10), 10)).toEqual(['soon']);
    expect(await store.expired(at(100), 10)).toEqual(['soon', 'late']);
    expect(await store.expired(at(100), 1)).toEqual(['soon']);
  });

  it('drops stale hints with a later batch, but none that became true again', async () => {
    const { disk, store, chain } = await begun();
    await store.apply([chain.transactions([set('a', 'v', 10), set('b', 'v', 10)])]);
    await store.apply([chain.transactions([set('a', 'v'), set('b', 'v')])]);
    expect(hints(disk)).toBe(2);
    expect(await store.expired(chain.logTimeMs + 10, 10)).toEqual([]);
    await store.apply([chain.transactions([set('b', 'v', 10)])]);
    expect(hints(disk)).toBe(1);
    expect(await store.expired(chain.logTimeMs + 10, 10)).toEqual(['b']);
  });

  it('finds what is due behind any number of stale hints, though nothing else is written', async () => {
    const { disk, store, chain } = await begun();
    const renewed = Array.from({ length: 21_000 }, (_, i) => `renewed ${i}`);
    await store.apply([chain.transactions(renewed.map((name) => set(name, 'v', 10)))]);
    await store.apply([chain.transactions([...renewed.map((name) => set(name)), set('due', 'v', 20)])]);
    await eventually(async () => expect(await store.expired(chain.logTimeMs + 20, 10)).toEqual(['due']));
    await store.apply([chain.transactions([expire('due')])]);
    expect(hints(disk)).toBeLessThan(renewed.length);
  });

  it('drops the hint with the key that an expire deletes', async () => {
    const { disk, store, chain } = await begun();
    await store.apply([chain.transactions([set('a', 'v', 10)])]);
    chain.logTimeMs += 10;
    await store.apply([chain.transactions([expire('a')])]);
    expect(hints(disk)).toBe(0);
    expect(store.snapshot().get(key('a'))).toBeUndefined();
  });
});

it('hashes its state: the same for the same history however it was grouped, another for any other', async () => {
  const [one, other] = [await begun(), await begun()];
  const entries = [
    one.chain.transactions([set('a', 'x', 5)], [atomic('sum', 'n', 2n)]),
    one.chain.transactions([set('b')], [remove('b')]),
    one.chain.transactions([atomic('sum', 'n', 2n)]),
  ];
  await one.store.apply(entries);
  for (const entry of entries) await other.store.apply([entry]);
  const hash = await one.store.snapshot().stateHash();
  expect(hash).toMatchObject({ keys: 2 });
  expect(await other.store.snapshot().stateHash()).toEqual(hash);
  await other.store.apply([new Chain(other.store.head).transactions([set('a', 'x', 6)])]);
  expect((await other.store.snapshot().stateHash()).hash).not.toBe(hash.hash);
});
