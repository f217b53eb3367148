import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { causal, failureOf, key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';
import { mintKeyspaceId } from '../model/ids.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const write = oneShot({ mutations: [put('a', 'one')] });

/** Why a node's writes are refused. */
async function refusal(node: string): Promise<string> {
  const failure = failureOf(await cluster.keyspace(node).transact(write));
  expect(failure).toMatchObject({ code: 'SEQUENCER_UNAVAILABLE', outcome: 'not-committed' });
  return failure.message;
}

async function halted(why: RegExp): Promise<void> {
  await eventually(async () => expect(await refusal('home')).toMatch(why));
  await eventually(async () => expect(await refusal('east')).toMatch(why));
  expect(cluster.parts('home').sequencing).toBe(false);
}

describe('a home', () => {
  it('that is stopped while it still waits for its peers closes its store', async () => {
    cluster = await InProcessCluster.start({ compare: 'all', down: ['east'] });
    await cluster.stopNode('home');
    await cluster.startNode('home');
    expect(cluster.status('home').writable).toBe(false);
  });

  it('with an empty store has no history, and refuses', async () => {
    cluster = await InProcessCluster.start({ init: false });
    expect(cluster.status('home')).toMatchObject({ state: 'no-history', writable: false });
    const failure = failureOf(await cluster.keyspace('home').transact(write));
    expect(failure).toMatchObject({ code: 'NODE_NOT_READY', details: { state: 'no-history' } });
  });

  it('that compares with all does not serve until the last peer has come', async () => {
    cluster = await InProcessCluster.start({ compare: 'all', down: ['west'] });
    await eventually(() => expect(cluster.status('east').detail).toMatch(/waiting for west/));
    expect(await refusal('east')).toMatch(/waiting for west/);
    await cluster.startNode('west');
    await cluster.writable();
    valueOf(await cluster.keyspace('west').transact(write));
  });

  it('that compares with those that it reaches serves after a while without the others', async () => {
    cluster = await InProcessCluster.start({ down: ['west'] });
    valueOf(await cluster.keyspace('east').transact(write));
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('whose clock is behind log time does not lead, until it has caught up', async () => {
    cluster = await InProcessCluster.start();
    valueOf(await cluster.keyspace('home').transact(write));
    await cluster.stopNode('home');
    cluster.clockOffsetMs.set('home', -8000);
    await cluster.startNode('home');
    await eventually(() => expect(cluster.status('home').detail).toMatch(/behind log time/));
    cluster.clockOffsetMs.delete('home');
    await cluster.writable();
  });

  it('whose clock is more than 10 s from that of a peer does not lead', async () => {
    cluster = await InProcessCluster.start();
    await cluster.stopNode('home');
    cluster.clockOffsetMs.set('home', 30_000);
    await cluster.startNode('home');
    await eventually(() => expect(cluster.status('home').detail).toMatch(/ms apart/));
    cluster.clockOffsetMs.delete('home');
    await cluster.writable();
  });
});

describe('histories that differ stop the sequencer', () => {
  it('a peer that is ahead of the log, when it comes back', async () => {
    cluster = await InProcessCluster.start({ nodes: ['home', 'east'] });
    await cluster.settled();
    const older = await copyOfDisk(cluster.disk('home'));
    valueOf(await cluster.keyspace('east').transact(write));
    await cluster.settled();
    await cluster.stopNode('home');
    cluster.replaceDisk('home', older);
    await cluster.startNode('home');
    await halted(/east is ahead of the log/);
    const read = valueOf(await cluster.keyspace('east').read([key('a')], local));
    expect(read.values.map(textOf)).toEqual(['one']);
  });

  it('a peer that is ahead and comes only when the home serves already', async () => {
    cluster = await InProcessCluster.start();
    await cluster.settled();
    const older = await copyOfDisk(cluster.disk('home'));
    valueOf(await cluster.keyspace('east').transact(write));
    await cluster.settled();
    await cluster.stopNode('home');
    cluster.replaceDisk('home', older);
    cluster.network.cut('home', 'east');
    cluster.network.cut('home', 'west');
    await cluster.startNode('home');
    await cluster.writable(['home']);
    cluster.network.heal();
    await eventually(async () =>
      expect(await refusal('home')).toMatch(/is ahead of the log|holds another entry/),
    );
    const keyspace = cluster.keyspace('east');
    await eventually(() => expect(cluster.status('east').writable).toBe(false));
    // By then it may know of the difference itself.
    for (const answer of [await keyspace.transact(write), await keyspace.read([key('a')], causal)]) {
      const { code } = failureOf(answer);
      expect(['SEQUENCER_UNAVAILABLE', 'CAUSAL_READ_TIMEOUT', 'NODE_INCONSISTENT']).toContain(code);
    }
  });

  it('a home whose history was begun again', async () => {
    cluster = await InProcessCluster.start({ nodes: ['home', 'east'] });
    valueOf(await cluster.keyspace('east').transact(write));
    await cluster.stopNode('home');
    cluster.replaceDisk('home');
    await cluster.beginHistory('home', mintKeyspaceId(Buffer.alloc(16, 9)));
    await cluster.startNode('home');
    await eventually(() => expect(cluster.status('home').detail).toMatch(/east has another history/));
    await eventually(() => expect(cluster.status('east').state).toBe('inconsistent'));
    const failure = failureOf(await cluster.keyspace('east').read([key('a')], local));
    expect(failure).toMatchObject({ code: 'NODE_INCONSISTENT', details: { state: 'inconsistent' } });
  });
});

describe('a home that was set back below an epoch that its peers have seen', () => {
  /** Streams that open anew tell every node the epoch of the present term. */
  async function epochIsKnown(): Promise<void> {
    cluster.network.close(({ method }) => method === 'certify');
    await eventually(() => cluster.parts('east').link.status.epoch === 1);
    await cluster.writable();
  }

  it('learns from a peer that is ahead, and does not lead', async () => {
    cluster = await InProcessCluster.start({ nodes: ['home', 'east'] });
    await cluster.stopNode('home');
    const older = await copyOfDisk(cluster.disk('home'));
    await cluster.startNode('home');
    await cluster.writable();
    valueOf(await cluster.keyspace('east').transact(write));
    cluster.network.close(({ method }) => method === 'certify');
    await eventually(() => cluster.parts('east').link.status.epoch === 2);
    await cluster.stopNode('home');
    cluster.replaceDisk('home', older);
    await cluster.startNode('home');
    await eventually(() => expect(cluster.status('home').detail).toMatch(/east is ahead of the log/));
    expect(cluster.parts('home').store.head.epoch).toBe(1);
  });

  it('learns it from a peer that has not applied what it has seen of it', async () => {
    cluster = await InProcessCluster.start({ nodes: ['home', 'east'] });
    await epochIsKnown();
    await cluster.settled();
    const older = await copyOfDisk(cluster.disk('home'));
    cluster.network.hold('home', 'east', 'entries');
    valueOf(await cluster.keyspace('home').transact(write));
    const { position } = cluster.parts('home').store.head;
    await eventually(() => cluster.parts('east').link.status.tail.position === position);
    await cluster.stopNode('home');
    cluster.network.drop('home', 'east', 'entries');
    cluster.replaceDisk('home', older);
    await cluster.startNode('home');
    await halted(/east has seen position/);
    expect(cluster.parts('home').store.head.position).toBe(position - 1);
  });

  it('learns of another history, and does not begin it over the first', async () => {
    cluster = await InProcessCluster.start({ nodes: ['home', 'east'] });
    await epochIsKnown();
    await cluster.stopNode('home');
    cluster.replaceDisk('home');
    await cluster.beginHistory('home', mintKeyspaceId(Buffer.alloc(16, 9)));
    await cluster.startNode('home');
    await eventually(() => expect(cluster.status('home').detail).toMatch(/east has another history/));
    expect(cluster.parts('home').store.head.position).toBe(0);
  });
});

describe('an append whose write fails', () => {
  it.each(['lost', 'written', 'poisoned'] as const)(
    'and is %s is acknowledged once it is durable, and never twice',
    async (fault) => {
      cluster = await InProcessCluster.start();
      cluster.disk('home').faults.push(fault);
      valueOf(await cluster.keyspace('east').transact(write));
      await cluster.settled();
      expect(cluster.parts('west').store.head.seqno).toBe(1);
      expect(await cluster.stateHashes()).toHaveLength(1);
    },
  );
});

it('an election or a barrier whose write fails is tried again, and crashes nobody', async () => {
  cluster = await InProcessCluster.start({ nodes: ['home'] });
  await cluster.stopNode('home');
  const { faults } = cluster.disk('home');
  faults.push('lost', 'poisoned', 'written', 'lost');
  await cluster.startNode('home');
  await cluster.writable();
  expect(faults).toEqual([]);
});

it('a clock that jumps ahead while its home leads writes no log time, and it leads again when the clock is right', async () => {
  cluster = await InProcessCluster.start();
  valueOf(await cluster.keyspace('east').transact(write));
  cluster.clockOffsetMs.set('home', 3_600_000);
  expect(await refusal('east')).toMatch(/clock/);
  await eventually(() => expect(cluster.status('home').detail).toMatch(/ms apart/));
  cluster.clockOffsetMs.delete('home');
  await cluster.writable();
  valueOf(await cluster.keyspace('east').transact(write));
  expect(cluster.parts('home').store.head.logTimeMs).toBeLessThan(cluster.runtime.clock.nowMs() + 60_000);
});

async function copyOfDisk(disk: FaultyDisk): Promise<FaultyDisk> {
  const copy = new FaultyDisk();
  for (const at of disk.keys()) copy.overwrite(at, disk.read(at));
  return copy;
}
