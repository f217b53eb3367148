import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { failureOf, oneShot, put, valueOf } from '../../test/support/requests.js';
import { nodeId } from '../model/ids.js';
import { defaultRetention } from '../model/retention.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const within = { withinMs: 30_000 };
const mib = 1024 * 1024;
/** The log's bound is three quarters of it. */
const retention = { ...defaultRetention, entriesBytesMin: 0, entriesBytesMax: 8 * mib };
const halfMib = oneShot({ mutations: [put('large', 'x'.repeat(mib / 2))] });
const reachable = (): string[] =>
  cluster
    .node('home')
    .peers()
    .filter((peer) => peer.reachable)
    .map(({ node }) => node);
const forget = async (node: string, at = 'home') => cluster.admin(at).forgetNode(nodeId(node));
const refusal = async (node: string, at?: string): Promise<string> => {
  const { code, message } = failureOf(await forget(node, at));
  expect(code).toBe('OPERATION_REFUSED');
  return message;
};
/** Until the log takes no more, which it says; at most as much as four times its bound. */
const fillLog = async (): Promise<string> => {
  for (let writes = 0; writes < 48; writes++) {
    const written = await cluster.keyspace('home').transact(halfMib);
    if (!written.ok) return written.failure.message;
  }
  return 'the log is not full';
};

describe('a log that nodes share, with all nodes of other regions down', () => {
  it('takes nothing above its bound, until they are forgotten; then it is trimmed without them', async () => {
    cluster = await InProcessCluster.start({ shared: true, retention });
    await cluster.settled();
    for (const node of ['east', 'west']) await cluster.stopNode(node);
    await cluster.writable(['home']);
    await eventually(() => expect(reachable()).toEqual(['home']), within);
    expect(await fillLog()).toMatch(/at its bound .* east .* west .*meridian forget-node/);
    await eventually(
      async () => expect(valueOf(await forget('east'))).toEqual({ forgotten: 'east' }),
      within,
    );
    expect(failureOf(await cluster.keyspace('home').transact(halfMib)).code).toBe('OVERLOADED');
    valueOf(await forget('west'));
    await eventually(async () => valueOf(await cluster.keyspace('home').transact(halfMib)), within);
    await cluster.startNode('west');
    await eventually(() => expect(cluster.status('west').state).toBe('synced'), within);
    expect(await refusal('west')).toMatch(/west can be reached/);
  });
});

describe('to forget a node is refused', () => {
  it('elsewhere than at the sequencer, which it names, and of a node that is there', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    expect(await refusal('west', 'east')).toMatch(/ask home, which does/);
    expect(await refusal('west')).toMatch(/west can be reached: it is not gone/);
    expect(await refusal('home')).toMatch(/home sequences the keyspace/);
  });

  it('of a log that is the store of its home, which waits for nobody', async () => {
    cluster = await InProcessCluster.start({ nodes: ['home', 'east'] });
    await cluster.stopNode('east');
    expect(await refusal('east')).toMatch(/home's own store/);
  });
});
