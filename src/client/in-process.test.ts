import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { LoopbackDialler } from '../../test/support/loopback-dialler.js';
import { nodeAcceptor } from '../../test/support/node-acceptor.js';
import { Client } from './client.js';
import { CheckFailedError } from './errors.js';

let cluster: InProcessCluster;
let dialler: LoopbackDialler;
let client: Client;

beforeEach(async () => {
  cluster = await InProcessCluster.start();
  dialler = new LoopbackDialler(cluster.runtime.timers);
  for (const node of cluster.nodeIds())
    dialler.acceptors.set(node, nodeAcceptor(cluster.node(node), cluster.runtime));
  client = await Client.open({ endpoints: ['east', 'west', 'home'] }, { dialler, runtime: cluster.runtime });
});

afterEach(async () => {
  client.close();
  await cluster.stop();
});

it('writes and reads what it wrote, as JSON, text, bytes and counters', async () => {
  const { gtid, version } = await client.set('json', { a: [1, 'ü'] });
  expect(gtid).toBe(`${cluster.history}:${version}`);
  await client.set('text', 'grüße', { contentType: 'text/plain' });
  await client.set('bytes', new Uint8Array([0, 255]));
  expect(await client.sum('count', 2n ** 62n)).toMatchObject({ value: 2n ** 62n });
  expect(await client.get('json')).toEqual({
    key: 'json',
    value: { a: [1, 'ü'] },
    version,
    contentType: 'application/json',
    expiresAtMs: undefined,
  });
  const [text, bytes, count, absent] = await client.getMany(['text', 'bytes', 'count', 'absent']);
  expect([text!.value, bytes!.value, count!.value, absent]).toEqual([
    'grüße',
    new Uint8Array([0, 255]),
    2n ** 62n,
    undefined,
  ]);
});

it('lists page by page, from either end', async () => {
  const all = client.atomic();
  for (let i = 0; i < 25; i++) all.set(`k${String(i).padStart(2, '0')}`, i);
  await all.commit();
  const keys = async (options: object): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of client.list({ prefix: 'k', pageSize: 4, ...options })) found.push(key);
    return found;
  };
  expect(await keys({})).toHaveLength(25);
  expect(await keys({ limit: 6 })).toEqual(['k00', 'k01', 'k02', 'k03', 'k04', 'k05']);
  expect(await keys({ reverse: true, limit: 5, keysOnly: true })).toEqual([
    'k24',
    'k23',
    'k22',
    'k21',
    'k20',
  ]);
});

it('commits checks and mutations together, or not at all', async () => {
  const { version } = await client.set('a', 1);
  const { results } = await client.check('a', version).set('a', 2).sum('n', 5).commit();
  expect(results).toEqual([null, 5n]);
  const refused = client.check('a', version).set('a', 3).commit();
  await expect(refused).rejects.toBeInstanceOf(CheckFailedError);
  await expect(client.check('a', 'absent').set('a', 3).commit()).rejects.toMatchObject({
    code: 'CHECK_FAILED',
    outcome: 'not-committed',
    checks: [{ key: 'a', expected: 'absent' }],
  });
  expect((await client.get('a'))!.value).toBe(2);
});

it('tells what is no transaction id from an outcome that is unknown', async () => {
  await expect(client.resolve('yesterday')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    outcome: 'not-committed',
  });
});

it('runs transactions that read their own writes', async () => {
  await client.set('x', 1);
  const { value, version } = await client.transact(async (tx) => {
    tx.set('y', 'mine');
    const [x, y] = await Promise.all([tx.get<number>('x'), tx.get('y')]);
    tx.set('x', x!.value + 1);
    tx.sum('n', 1);
    const listed: string[] = [];
    for await (const { key } of tx.list({ pageSize: 2 })) listed.push(key);
    return { y: y!.value, listed };
  });
  expect(value).toEqual({ y: 'mine', listed: ['n', 'x', 'y'] });
  expect(await client.get('x')).toMatchObject({ value: 2, version });
});

it('brings concurrent read-modify-writes to the right sum', async () => {
  const others = await Client.open({ endpoints: ['west'] }, { dialler, runtime: cluster.runtime });
  const once = (at: Client) =>
    at.transact(async (tx) => {
      const before = await tx.get<number>('total');
      tx.set('total', (before?.value ?? 0) + 1);
    });
  await Promise.all(Array.from({ length: 20 }, (_, i) => once(i % 2 === 0 ? client : others)));
  expect((await client.get('total', { causal: true }))!.value).toBe(20);
  others.close();
});

it('loses and repeats nothing when its node dies in the middle of 300 sums', async () => {
  const region = client.region!;
  const changes: unknown[] = [];
  client.onRegionChange((change) => changes.push(change));
  const watch = client.watch({ prefix: 'hot' });
  await watch.ready;
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < 300) {
      begun += 1;
      if (begun === 150) {
        dialler.kill(region);
        await cluster.stopNode(region);
      }
      await client.sum('hot', 1);
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  expect((await client.get('hot', { causal: true }))!.value).toBe(300n);
  expect(client.region).not.toBe(region);
  expect(changes).toHaveLength(1);
  let last = 0n;
  for await (const { changes: seen } of watch) {
    for (const change of seen) {
      if (change.kind !== 'set') continue;
      expect(change.value).toBe(last + 1n);
      last = change.value as bigint;
    }
    if (last === 300n) break;
  }
  await cluster.startNode(region);
  dialler.acceptors.set(region, nodeAcceptor(cluster.node(region), cluster.runtime));
  await eventually(() => client.region === region, { withinMs: 15_000 });
});
