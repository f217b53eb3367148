import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { causal, failureOf, key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const within = { withinMs: 30_000 };
const write = (name: string, value: string) => oneShot({ mutations: [put(name, value)] });

async function start(
  options: { readonly nodes?: readonly string[]; readonly down?: readonly string[] } = {},
) {
  cluster = await InProcessCluster.start({ ...options, shared: true });
}

/** Waits until `node` sequences, and every node that runs takes writes. */
async function sequencedBy(node: string): Promise<void> {
  await eventually(() => expect(cluster.parts(node).sequencing).toBe(true), within);
  await cluster.writable();
}

async function valueAt(node: string, name: string): Promise<string | undefined> {
  const read = valueOf(await cluster.keyspace(node).read([key(name)], causal));
  return read.values.map(textOf)[0];
}

describe('nodes that share a log', () => {
  it('begin with the home as their sequencer, and commit and read everywhere', async () => {
    await start();
    expect(await cluster.sequencer()).toBe('home');
    valueOf(await cluster.keyspace('west').transact(write('a', 'one')));
    for (const node of cluster.nodeIds()) expect(await valueAt(node, 'a')).toBe('one');
    expect(cluster.status('east')).toMatchObject({ log: 'etcd', sequencer: 'home', epoch: 1 });
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('go on without a home that died, and give the role back when it has returned', async () => {
    await start();
    valueOf(await cluster.keyspace('east').transact(write('a', 'one')));
    await cluster.stopNode('home');
    await cluster.writable();
    const successor = await cluster.sequencer();
    valueOf(await cluster.keyspace('west').transact(write('a', 'two')));
    expect(cluster.status(successor).epoch).toBe(2);
    await cluster.startNode('home');
    await sequencedBy('home');
    expect(await valueAt('home', 'a')).toBe('two');
    expect(cluster.status('home').epoch).toBe(3);
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('elect another when the sequencer is cut from etcd, which answers no causal read then and follows', async () => {
    await start();
    valueOf(await cluster.keyspace('home').transact(write('a', 'one')));
    cluster.cutFromEtcd.add('home');
    await eventually(() => expect(cluster.parts('home').sequencing).toBe(false), within);
    await eventually(async () => expect(await cluster.sequencer()).not.toBe('home'), within);
    await cluster.writable();
    valueOf(await cluster.keyspace('home').transact(write('a', 'two')));
    expect(await valueAt('home', 'a')).toBe('two');
    expect(cluster.status('home').state).toBe('synced');
    cluster.cutFromEtcd.clear();
    await sequencedBy('home');
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('write nothing without etcd, say why, serve local reads, and go on when it is back', async () => {
    await start();
    valueOf(await cluster.keyspace('east').transact(write('a', 'one')));
    for (const node of cluster.nodeIds()) cluster.cutFromEtcd.add(node);
    await eventually(() => expect(cluster.status('east').writable).toBe(false), within);
    const failure = failureOf(await cluster.keyspace('east').transact(write('a', 'two')));
    expect(failure.code).toMatch(/SEQUENCER_UNAVAILABLE|COMMIT_OUTCOME_UNKNOWN/);
    const read = valueOf(await cluster.keyspace('east').read([key('a')], local));
    expect(read.values.map(textOf)).toEqual(['one']);
    cluster.cutFromEtcd.clear();
    await cluster.writable();
    valueOf(await cluster.keyspace('west').transact(write('b', 'three')));
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('answer a commit that was in flight when the sequencer died: its node submits it to the successor', async () => {
    await start();
    cluster.network.hold('home', 'east', 'entries');
    const answer = cluster.keyspace('east').transact(write('a', 'one'));
    await eventually(() => cluster.parts('home').store.head.seqno === 1);
    expect(cluster.parts('east').commits.size).toBe(1);
    cluster.network.drop('home', 'east', 'entries');
    await cluster.stopNode('home');
    cluster.network.releaseAll();
    valueOf(await answer);
    expect(await valueAt('west', 'a')).toBe('one');
  });

  it('let a home whose store is lost begin anew from the log, without an operator', async () => {
    await start();
    for (const value of ['one', 'two']) valueOf(await cluster.keyspace('east').transact(write('a', value)));
    await cluster.stopNode('home');
    cluster.replaceDisk('home', new FaultyDisk());
    await cluster.startNode('home');
    await sequencedBy('home');
    expect(await valueAt('home', 'a')).toBe('two');
    expect(await cluster.stateHashes()).toHaveLength(1);
  });
});

describe('a candidate', () => {
  it('that holds more than the log does not lead: the log was set back', async () => {
    await start({ nodes: ['home', 'east'] });
    valueOf(await cluster.keyspace('east').transact(write('a', 'one')));
    await cluster.settled();
    await cluster.setEtcdBack();
    failureOf(await cluster.keyspace('east').read([key('a')], causal));
    await eventually(() => expect(cluster.status('home').writable).toBe(false), within);
    await eventually(
      () => expect(cluster.parts('home').whyNotSequencing).toMatch(/the log was set back/),
      within,
    );
    expect(await cluster.keyspace('east').transact(write('a', 'two'))).toMatchObject({ ok: false });
    const read = valueOf(await cluster.keyspace('east').read([key('a')], local));
    expect(read.values.map(textOf)).toEqual(['one']);
  });
});

it('a sequencer stops although etcd does not answer, with a commit in flight', async () => {
  await start({ nodes: ['home', 'east'] });
  cluster.cutFromEtcd.add('home');
  const answer = cluster.keyspace('home').transact(write('a', 'one'));
  await eventually(() => cluster.parts('home').commits.size === 1);
  await cluster.stopNode('home');
  expect(failureOf(await answer)).toMatchObject({ code: 'COMMIT_OUTCOME_UNKNOWN', outcome: 'unknown' });
});
