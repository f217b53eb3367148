import { afterEach, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { key, local, oneShot, put, valueOf } from '../../test/support/requests.js';
import { dataKey } from '../storage/layout.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const within = { withinMs: 20_000 };

async function restart(node: string): Promise<void> {
  await cluster.stopNode(node);
  await cluster.startNode(node);
}

async function startWithOneKey(): Promise<void> {
  cluster = await InProcessCluster.start();
  valueOf(await cluster.service('home').transact(oneShot({ mutations: [put('a')] })));
  await cluster.settled();
}

it('a copy in which a read has found damage is not served again after a restart', async () => {
  await startWithOneKey();
  await cluster.stopNode('west');
  cluster.disk('west').flipBit(dataKey(key('a')), -1);
  await cluster.startNode('west');
  await cluster.writable();
  await cluster.service('west').read([key('a')], local);
  expect(cluster.status('west').state).toBe('damaged');
  await eventually(() => expect(cluster.parts('west').store.condemned).toBeDefined(), within);
  await restart('west');
  expect(cluster.status('west')).toMatchObject({
    state: 'inconsistent',
    detail: expect.stringContaining('damaged: the checksum of') as string,
  });
  const read = await cluster.service('west').read([key('b')], local);
  expect(read).toMatchObject({ ok: false, failure: { code: 'NODE_INCONSISTENT' } });
});

it('nor when the node restarts after the operator gave the damaged copy up, and before another has come', async () => {
  await startWithOneKey();
  await cluster.stopNode('west');
  cluster.disk('west').flipBit(dataKey(key('a')), -1);
  await cluster.startNode('west');
  await cluster.writable();
  for (const donor of ['home', 'east']) cluster.network.hold(donor, 'west', 'transfer');
  await cluster.service('west').read([key('a')], local);
  valueOf(await cluster.admin('west').rejoin());
  await eventually(() =>
    expect(['home', 'east'].some((donor) => cluster.network.waiting(donor, 'west', 'transfer') > 0)).toBe(
      true,
    ),
  );
  await restart('west');
  expect(cluster.status('west')).toMatchObject({ state: 'inconsistent' });
  cluster.network.releaseAll();
  valueOf(await cluster.admin('west').rejoin());
  await cluster.writable();
  expect(await cluster.admin('west').setAside()).toHaveLength(1);
});

it('a healthy copy is served again when the node restarts before another has come', async () => {
  await startWithOneKey();
  for (const donor of ['home', 'east']) cluster.network.hold(donor, 'west', 'transfer');
  valueOf(await cluster.admin('west').rejoin());
  await eventually(() => expect(cluster.service('west').status().state).toBe('joining'), within);
  await restart('west');
  cluster.network.releaseAll();
  await cluster.writable();
  expect(await cluster.admin('west').setAside()).toEqual([]);
});
