import { describe, expect, it } from 'vitest';
import {
  EtcdError,
  type EtcdCompare,
  type EtcdKv,
  type EtcdOperation,
  type EtcdTxnAnswer,
} from '../../src/ordering/etcd/etcd-kv.js';
import { EtcdModel, type EtcdChange } from './etcd-model.js';

const key = (text: string): Buffer => Buffer.from(text);
const put = (name: string, value = '', lease?: string): EtcdOperation => ({
  put: { key: key(name), value: key(value), lease },
});
const created = (name: string, is: '=' | '>' | '<', than: number): EtcdCompare => ({
  key: key(name),
  revision: 'create',
  is,
  than,
});
const modified = (name: string, than: number): EtcdCompare => ({
  key: key(name),
  revision: 'mod',
  is: '=',
  than,
});

const run = (kv: EtcdKv, ...success: EtcdOperation[]): Promise<EtcdTxnAnswer> =>
  kv.txn({ compare: [], success, failure: [] });

async function keysOf(kv: EtcdKv): Promise<readonly string[]> {
  return (await kv.range({ key: key('\0'), end: Buffer.from([255]) })).map((found) => found.key.toString());
}

const problem = (failing: Promise<unknown>): Promise<string> =>
  failing.then(
    () => 'none',
    (error: unknown) => (error instanceof EtcdError ? error.problem : String(error)),
  );

describe('transactions', () => {
  it('count one revision each, and none when nothing changes', async () => {
    const kv = new EtcdModel().client();
    expect((await run(kv)).revision).toBe(1);
    expect((await run(kv, put('a'), put('b'))).revision).toBe(2);
    expect((await run(kv, { delete: { key: key('x') } })).revision).toBe(2);
    expect((await run(kv, put('a', '2'))).revision).toBe(3);
    const [a, b] = await kv.range({ key: key('a'), end: key('c') });
    expect(a).toMatchObject({ createRevision: 2, modRevision: 3, value: key('2'), lease: '0' });
    expect(b).toMatchObject({ createRevision: 2, modRevision: 2 });
    await run(kv, { delete: { key: key('a') } });
    await run(kv, put('a'));
    expect((await kv.range({ key: key('a') }))[0]).toMatchObject({ createRevision: 5, modRevision: 5 });
  });

  it('run the branch that the comparisons choose; an absent key has revision 0', async () => {
    const kv = new EtcdModel().client();
    const once = { compare: [created('a', '=', 0)], success: [put('a', '1')], failure: [put('b')] };
    expect((await kv.txn(once)).succeeded).toBe(true);
    expect((await kv.txn(once)).succeeded).toBe(false);
    const both = { success: [], failure: [] };
    const holds = async (...compare: EtcdCompare[]) => (await kv.txn({ compare, ...both })).succeeded;
    expect(await holds(created('a', '>', 0), modified('b', 3))).toBe(true);
    expect(await holds(created('a', '<', 2))).toBe(false);
    expect(await holds(created('a', '<', 3), modified('b', 2))).toBe(false);
    expect(await holds(modified('absent', 0), created('absent', '<', 1))).toBe(true);
  });

  it('show a range what was written before it in the same transaction', async () => {
    const kv = new EtcdModel().client();
    const { results } = await run(kv, put('a'), { range: { key: key('a') } }, put('b'));
    expect(results.map((found) => found?.map((each) => each.modRevision))).toEqual([
      undefined,
      [2],
      undefined,
    ]);
  });

  it('are refused whole when a key comes twice, a lease is not there, or they are too large', async () => {
    const kv = new EtcdModel().client();
    expect(await problem(run(kv, put('a'), put('a')))).toBe('refused');
    expect(await problem(run(kv, put('b'), { delete: { key: key('a'), end: key('c') } }))).toBe('refused');
    expect(await problem(run(kv, put('a'), put('b', '', '7')))).toBe('refused');
    expect(await problem(run(kv, put('a', 'x'.repeat(1.5 * 1024 * 1024))))).toBe('refused');
    expect(await keysOf(kv)).toEqual([]);
  });
});

it('ranges in the order of bytes, up to a limit, without values if asked', async () => {
  const kv = new EtcdModel().client();
  const names = [[0], [0, 0], [0, 255], [1], [127], [128], [255]];
  for (const name of [...names].reverse())
    await run(kv, { put: { key: Buffer.from(name), value: key('value') } });
  const all = { key: Buffer.from([0]), end: Buffer.from([255]) };
  expect((await kv.range(all)).map((found) => [...found.key])).toEqual(names.slice(0, -1));
  expect((await kv.range({ ...all, limit: 2 })).map((found) => [...found.key])).toEqual(names.slice(0, 2));
  expect((await kv.range({ ...all, limit: 1, keysOnly: true }))[0]?.value.length).toBe(0);
  expect(await kv.range({ key: Buffer.from([5]), end: Buffer.from([1]) })).toEqual([]);
});

describe('leases', () => {
  it('have whole seconds and a least time, and take their keys with them in one revision', async () => {
    const model = new EtcdModel({ leaseMsMin: 2000 });
    const kv = model.client();
    expect((await kv.grantLease(500)).ttlMs).toBe(2000);
    const { id, ttlMs } = await kv.grantLease(2100);
    expect(ttlMs).toBe(3000);
    expect(Number.isSafeInteger(Number(id))).toBe(false);
    await run(kv, put('a', '', id), put('b', '', id), put('c'));
    await kv.revokeLease(id);
    await kv.revokeLease(id);
    expect(await keysOf(kv)).toEqual(['c']);
    expect(model.revision).toBe(3);
    expect(await kv.keepAlive(id)).toBe(0);
    expect(model.leases()).toHaveLength(1);
  });

  it('leave a key that was written again without them, or under another', async () => {
    const model = new EtcdModel();
    const kv = model.client();
    const { id } = await kv.grantLease(1000);
    const other = await kv.grantLease(1000);
    await run(kv, put('a', '', id), put('b', '', id), put('c', '', id));
    await run(kv, put('a'), put('b', '', other.id));
    model.expire(id);
    expect(await keysOf(kv)).toEqual(['a', 'b']);
    model.expire(other.id);
    expect(await keysOf(kv)).toEqual(['a']);
  });

  it('run out by the clock that is given, counted from the last keep-alive', async () => {
    let now = 0;
    const model = new EtcdModel({ clock: { monotonicMs: () => now } });
    const kv = model.client();
    const { id } = await kv.grantLease(2000);
    await run(kv, put('a', '', id));
    now = 1999;
    expect(await kv.keepAlive(id)).toBe(2000);
    now = 3998;
    expect(await keysOf(kv)).toEqual(['a']);
    model.refreshLeases();
    now = 5997;
    expect(await keysOf(kv)).toEqual(['a']);
    now = 5998;
    expect(await keysOf(kv)).toEqual([]);
    expect(await kv.keepAlive(id)).toBe(0);
  });
});

it('takes no values and no leases above its quota until there is room; reads, deletes and compaction go on', async () => {
  const model = new EtcdModel({ quotaBytes: 100 });
  const kv = model.client();
  const { id } = await kv.grantLease(1000);
  for (let count = 0; count < 3; count += 1) await run(kv, put('a', 'x'.repeat(29)));
  expect(model.room.usedBytes).toBe(90);
  expect(await problem(run(kv, put('a', 'x'.repeat(29))))).toBe('no-space');
  expect(await problem(run(kv, put('a')))).toBe('no-space');
  expect(await problem(kv.grantLease(1000))).toBe('no-space');
  // Also when the branch that would write is not the one that would run.
  const never = { compare: [created('a', '=', 0)], success: [put('a')], failure: [] };
  expect(await problem(kv.txn(never))).toBe('no-space');
  expect(await kv.keepAlive(id)).toBe(1000);
  expect(await keysOf(kv)).toEqual(['a']);
  await run(kv, { delete: { key: key('a') } });
  await kv.compact(model.revision);
  await kv.compact(1);
  expect([model.room.usedBytes, model.room.fileBytes]).toEqual([0, 90]);
  expect(await problem(run(kv, put('a')))).toBe('no-space');
  model.room.makeRoom();
  await run(kv, put('a'));
  expect(await keysOf(kv)).toEqual(['a']);
  expect(await problem(kv.compact(99))).toBe('refused');
});

it('tells every change as it is made', async () => {
  const changes: EtcdChange[] = [];
  const kv = new EtcdModel({ onChange: (change) => changes.push(change) }).client();
  await run(kv, put('a', '1'), put('b', '2'));
  await run(kv, { delete: { key: key('a'), end: key('c') } });
  expect(changes.map(({ key: name, value, revision }) => `${revision} ${name} ${value ?? 'gone'}`)).toEqual([
    '2 a 1',
    '2 b 2',
    '3 a gone',
    '3 b gone',
  ]);
});

describe('a client', () => {
  it('passes its calls through what stands around them: lost before, lost after, late', async () => {
    const model = new EtcdModel();
    const lost = new EtcdError('unknown', 'lost');
    const faults = ['before', 'after', 'late'];
    let late: (() => Promise<unknown>) | undefined;
    const kv = model.client(async (call, execute) => {
      const fault = call.kind === 'txn' ? faults.shift() : undefined;
      if (fault === 'late') late = execute;
      if (fault === 'after') await execute();
      if (fault !== undefined) throw lost;
      return execute();
    });
    expect(await problem(run(kv, put('a')))).toBe('unknown');
    expect(await keysOf(kv)).toEqual([]);
    expect(await problem(run(kv, put('b')))).toBe('unknown');
    expect(await keysOf(kv)).toEqual(['b']);
    expect(await problem(run(kv, put('c')))).toBe('unknown');
    expect(await keysOf(kv)).toEqual(['b']);
    await late?.();
    expect(await keysOf(kv)).toEqual(['b', 'c']);
  });

  it('ends what is under way when it is closed, and takes nothing more', async () => {
    const model = new EtcdModel();
    const kv = model.client(async (_, execute) => {
      await execute();
      return new Promise<never>(() => {});
    });
    const underWay = problem(run(kv, put('a')));
    await Promise.resolve();
    await Promise.resolve();
    kv.close();
    expect(await underWay).toBe('closed');
    expect(await problem(run(kv, put('b')))).toBe('closed');
    expect(await keysOf(model.client())).toEqual(['a']);
  });
});
