import { afterEach, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { causal, failureOf, key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';
import { EtcdKeys } from '../ordering/etcd/etcd-keys.js';
import { nodeId, uuidToBytes } from '../model/ids.js';
import { encodeCertifyFromSequencer } from '../transport/messages.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const write = (name: string, value: string) => oneShot({ mutations: [put(name, value)] });

it.each(['lost', 'written', 'poisoned'] as const)(
  'a sequencer that is alone, and whose write of an entry fails and is %s, recovers its store and leads again',
  async (fault) => {
    cluster = await InProcessCluster.start({ shared: true, nodes: ['home'] });
    cluster.disk('home').faults.push(fault);
    valueOf(await cluster.keyspace('home').transact(write('a', 'one')));
    await cluster.writable();
    const read = valueOf(await cluster.keyspace('home').read([key('a')], local));
    expect(read.values.map(textOf)).toEqual(['one']);
    expect(cluster.parts('home').store.head.seqno).toBe(1);
  },
);

it('a stale sequencer that dials again and again does not make a follower leave its entry stream', async () => {
  cluster = await InProcessCluster.start({ shared: true, nodes: ['home', 'east'] });
  valueOf(await cluster.keyspace('east').transact(write('a', 'one')));
  await cluster.settled();
  // What the follower would say first on a stream of its own stays here.
  cluster.network.hold('east', 'home', 'entries');
  const { chainHash, keyspaceId } = cluster.parts('home').store.head;
  const place = { tailPosition: 0, tailSeqno: 0, tailHash: chainHash, nonce: Buffer.alloc(16) };
  const who = { keyspace: 'default', keyspaceId: uuidToBytes(keyspaceId!), epoch: 0, node: 'west' };
  const stale = cluster.network.transport(nodeId('west'));
  let refused = 0;
  for (let n = 0; n < 3; n++) {
    const stream = stale.open(nodeId('east'), 'certify');
    stream.onClose(() => (refused += 1));
    stream.send(encodeCertifyFromSequencer({ type: 'welcome', ...who, ...place }));
  }
  await eventually(() => refused === 3);
  expect(cluster.network.waiting('east', 'home', 'entries')).toBe(0);
  expect(cluster.parts('east').link.status).toMatchObject({ serving: true, sequencer: 'home' });
});

it('an etcd that was set back with its leader in it answers no causal read: it would be older than what was acknowledged', async () => {
  cluster = await InProcessCluster.start({ shared: true, nodes: ['home', 'east'] });
  await cluster.settled();
  cluster.network.hold('home', 'east', 'entries');
  valueOf(await cluster.keyspace('home').transact(write('a', 'one')));
  const keys = new EtcdKeys('/meridian/test/default/');
  const success = [{ delete: { key: keys.log(1), end: keys.logEnd } }];
  await cluster.etcd.client().txn({ compare: [], success, failure: [] });
  const read = await cluster.keyspace('east').read([key('a')], { ...causal, timeoutMs: 2000 });
  expect(failureOf(read).code).toBe('CAUSAL_READ_TIMEOUT');
  await eventually(() => expect(cluster.parts('home').whyNotSequencing).toMatch(/the log was set back/));
});
