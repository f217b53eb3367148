import { afterEach, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import {
  add,
  causal,
  failureOf,
  key,
  local,
  oneShot,
  put,
  textOf,
  valueOf,
} from '../../test/support/requests.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const write = (node: string, text: string) =>
  cluster.keyspace(node).transact(oneShot({ mutations: [put(text), add('n')] }));

it('a node that was away catches up from the entries that it missed', async () => {
  cluster = await InProcessCluster.start();
  valueOf(await write('west', 'before'));
  await cluster.stopNode('west');
  for (let n = 0; n < 50; n++) valueOf(await write('east', `while away ${n}`));
  await cluster.startNode('west');
  await cluster.writable();
  const read = valueOf(await cluster.keyspace('west').read([key('n')], causal));
  expect(read.values.map(textOf)).toEqual(['51']);
  expect(await cluster.stateHashes()).toHaveLength(1);
});

it('a node that lost its store gets everything anew, and is not read from before it is there', async () => {
  cluster = await InProcessCluster.start();
  for (let n = 0; n < 50; n++) valueOf(await write('east', `key ${n}`));
  await cluster.stopNode('west');
  cluster.replaceDisk('west');
  cluster.network.hold('home', 'west', 'entries');
  await cluster.startNode('west');
  expect(failureOf(await cluster.keyspace('west').read([key('n')], local))).toMatchObject({
    code: 'NODE_NOT_READY',
    details: { state: 'joining' },
  });
  cluster.network.release('home', 'west', 'entries');
  await cluster.writable();
  expect(await cluster.stateHashes()).toHaveLength(1);
});

it.each(['lost', 'written', 'poisoned'] as const)(
  'a follower whose write fails (%s) while commits go on comes back without a hole',
  async (fault) => {
    cluster = await InProcessCluster.start();
    cluster.disk('west').faults.push(fault);
    for (let n = 0; n < 30; n++) valueOf(await write('east', `key ${n}`));
    await eventually(() => cluster.disk('west').faults.length === 0);
    await cluster.writable();
    expect(await cluster.stateHashes()).toHaveLength(1);
    expect(cluster.status('west').state).toBe('synced');
  },
);

it('a commit of the home and its reads wait for no other region', async () => {
  cluster = await InProcessCluster.start();
  for (const node of ['east', 'west']) {
    for (const method of ['certify', 'entries', 'gossip'] as const) {
      cluster.network.hold(node, 'home', method);
      cluster.network.hold('home', node, method);
    }
  }
  expect(valueOf(await write('home', 'alone')).seqno).toBe(1);
  const read = valueOf(await cluster.keyspace('home').read([key('alone')], causal));
  expect(read.values.map(textOf)).toEqual(['value']);
});

it('a node names the one that minted an id', async () => {
  cluster = await InProcessCluster.start();
  const begun = await cluster
    .keyspace('west')
    .begin({ ...local, isolation: 'serializable', idleTimeoutMs: undefined });
  const { id } = valueOf(begun);
  expect(cluster.node('east').minterOf(id)).toEqual({ node: 'west', httpAddress: 'http://west' });
  expect(failureOf(cluster.keyspace('east').open(id))).toMatchObject({ code: 'TRANSACTION_NOT_FOUND' });
});
