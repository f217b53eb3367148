import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { causal, key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';

let cluster: InProcessCluster;
beforeEach(async () => {
  cluster = await InProcessCluster.start();
});
afterEach(() => cluster.stop());

const write = async (...mutations: ReturnType<typeof put>[]) =>
  valueOf(await cluster.keyspace('east').transact(oneShot({ mutations })));
const read = async (node: string, text: string) =>
  textOf(valueOf(await cluster.keyspace(node).read([key(text)], local)).values[0]);

it('a key is deleted in every region once its expiry has come, on an idle keyspace too, by one ordered commit', async () => {
  const { seqno } = await write(put('short', 'x', 2000), put('shorter', 'x', 1000), put('stays', 'x'));
  expect(await read('east', 'short')).toBe('x');
  await eventually(async () => (await read('home', 'short')) === undefined, { withinMs: 20_000 });
  await cluster.settled();
  for (const node of ['home', 'east', 'west']) {
    expect([await read(node, 'short'), await read(node, 'shorter'), await read(node, 'stays')]).toEqual([
      undefined,
      undefined,
      'x',
    ]);
  }
  expect(cluster.status('home').applied).toBeLessThanOrEqual(seqno + 2);
  expect(await cluster.stateHashes()).toHaveLength(1);
});

it('a key exists until its ordered deletion, and is gone no earlier than its expiry', async () => {
  const ttlMs = 3000;
  await write(put('k', 'x', ttlMs));
  const expiresAtMs = cluster.parts('home').store.head.logTimeMs + ttlMs;
  await eventually(async () => (await read('home', 'k')) === undefined, { withinMs: 20_000 });
  expect(cluster.parts('home').store.head.logTimeMs).toBeGreaterThanOrEqual(expiresAtMs);
});

it('what renewals leave behind is cleared away in every region', async () => {
  const hints = (node: string) =>
    cluster
      .disk(node)
      .keys()
      .filter((at) => at[0] === 'x'.charCodeAt(0)).length;
  await write(put('k', 'x', 1000));
  await write(put('k', 'x'));
  for (const node of ['home', 'east', 'west']) {
    await eventually(async () => {
      await write(put('other', 'x'));
      await cluster.settled();
      return hints(node) === 0;
    });
  }
  expect(await read('west', 'k')).toBe('x');
});

it('a renewal that comes first wins over a deletion that was proposed before', async () => {
  await write(put('k', 'old', 1000));
  // What the home proposes waits behind the renewal.
  cluster.network.hold('home', 'home', 'certify');
  await eventually(() => cluster.network.waiting('home', 'home', 'certify') > 0, { withinMs: 20_000 });
  const { seqno } = await write(put('k', 'renewed', 600_000));
  cluster.network.release('home', 'home', 'certify');
  await eventually(() => cluster.status('home').applied > seqno, { withinMs: 20_000 });
  const values = valueOf(await cluster.keyspace('west').read([key('k')], causal)).values;
  expect(values.map(textOf)).toEqual(['renewed']);
});
