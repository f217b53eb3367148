import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { add, failureOf, key, local, oneShot, put, valueOf } from '../../test/support/requests.js';
import { limits } from '../model/limits.js';
import { silentLogger, type LogFields, type Logger } from '../runtime/runtime.js';
import { logPosition, type TransactionId } from '../model/ids.js';
import { entryKey } from '../storage/layout.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const write = async (text: string, node = 'home'): Promise<TransactionId> => {
  const request = oneShot({ mutations: [put(text, `value of ${text}`), add('n')] });
  return valueOf(await cluster.service(node).transact(request)).transactionId;
};
const large = 'x'.repeat(limits.transferChunkBytes);
const writeMany = async (count: number, from = 'home'): Promise<void> => {
  for (let n = 0; n < count; n++) await write(`key ${n}`, from);
};
/** The log forgets all but its newest entry, at every node that runs. */
const trimAll = async (...nodes: string[]): Promise<void> => {
  for (const node of nodes) {
    const { store } = cluster.parts(node);
    await store.trim(logPosition(store.head.position));
  }
};
/** Waits until a node is synced with a copy that it took by snapshot. */
const joinedBySnapshot = (node: string) =>
  eventually(
    () => {
      const { state, join } = cluster.status(node);
      expect({ state, by: join?.by, phase: join?.phase }).toEqual({
        state: 'synced',
        by: 'snapshot',
        phase: 'done',
      });
      return cluster.status(node).join!;
    },
    { withinMs: 20_000 },
  );
/** A cluster whose log has lost what `west` misses. */
const westTooFarBehind = async (
  options: Parameters<typeof InProcessCluster.start>[0] = {},
): Promise<void> => {
  cluster = await InProcessCluster.start(options);
  await cluster.writable();
  await write('before');
  await cluster.settled();
  await cluster.stopNode('west');
  await writeMany(20);
  await cluster.settled();
  await trimAll(...['home', 'east'].filter((node) => cluster.nodeIds().some((id) => id === node)));
};

describe('a wiped node', () => {
  it('takes a snapshot under writes, and ends with the same state and the same outcomes', async () => {
    cluster = await InProcessCluster.start();
    const id = await write('first');
    await writeMany(limits.joinByEntriesMax + 50);
    await cluster.settled();
    await cluster.stopNode('west');
    cluster.replaceDisk('west');
    let isJoining = true;
    const load = (async () => {
      for (let n = 0; isJoining; n++) await write(`under way ${n}`, 'east');
    })();
    await cluster.startNode('west');
    const join = await joinedBySnapshot('west');
    isJoining = false;
    await load;
    expect(join.why).toMatch(/the store is empty and home has \d+ entries/);
    expect(await cluster.stateHashes()).toHaveLength(1);
    expect(cluster.service('west').transactionState(id)).toEqual(
      cluster.service('home').transactionState(id),
    );
    expect(cluster.service('west').transactionState(id)).toMatchObject({ state: 'committed' });
    expect(await cluster.admin('west').setAside()).toEqual([]);
    await cluster.writable();
    await write('from the joiner', 'west');
  });

  it('serves nothing of the keyspace while it joins; the others serve', async () => {
    await westTooFarBehind();
    cluster.replaceDisk('west');
    for (const donor of ['home', 'east']) cluster.network.hold(donor, 'west', 'transfer');
    await cluster.startNode('west');
    await eventually(() => expect(cluster.status('west').join).toMatchObject({ by: 'snapshot' }));
    expect(failureOf(await cluster.service('west').read([key('n')], local))).toMatchObject({
      code: 'NODE_NOT_READY',
      details: { state: 'joining' },
    });
    expect(
      failureOf(await cluster.service('west').transact(oneShot({ mutations: [put('a')] }))),
    ).toMatchObject({
      code: 'NODE_NOT_READY',
      outcome: 'unknown',
    });
    await write('meanwhile', 'east');
    cluster.network.releaseAll();
    await joinedBySnapshot('west');
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('can be stopped while it joins, and goes on with what it has when it starts again', async () => {
    const taken: LogFields[] = [];
    const logger: Logger = {
      ...silentLogger,
      info: (fields, message) => message === 'taking a copy' && taken.push(fields),
      child: () => logger,
    };
    await westTooFarBehind({ logger, nodes: ['home', 'west'] });
    // Several chunks, of which two arrive.
    for (let n = 0; n < 8; n++)
      valueOf(await cluster.service('home').transact(oneShot({ mutations: [put(`large ${n}`, large)] })));
    await trimAll('home');
    cluster.network.hold('home', 'west', 'transfer');
    await cluster.startNode('west');
    await eventually(() => cluster.network.waiting('home', 'west', 'transfer') > 3);
    cluster.network.passOn('home', 'west', 'transfer', 3);
    await eventually(() => expect(cluster.status('west').join?.bytes).toBeGreaterThan(large.length));
    await cluster.stopNode('west');
    cluster.network.drop('home', 'west', 'transfer');
    await cluster.startNode('west');
    const join = await joinedBySnapshot('west');
    expect(taken.map(({ chunksHeld }) => chunksHeld)).toEqual([0, 2]);
    expect(join.why).toMatch(/was being brought in when the node stopped/);
    expect(await cluster.stateHashes()).toHaveLength(1);
  });
});

describe('a node that was away', () => {
  it('for short catches up from entries, and says so', async () => {
    cluster = await InProcessCluster.start();
    await cluster.stopNode('west');
    await writeMany(30);
    await cluster.startNode('west');
    await cluster.writable();
    await cluster.settled();
    expect(cluster.status('west').join).toMatchObject({ by: 'entries', phase: 'done', donor: 'home' });
    expect(cluster.status('west').join!.why).toMatch(/^\d+ entries behind home, which keeps them all$/);
    expect(cluster.status('west').join!.bytes).toBeGreaterThan(0);
  });

  it('for longer than entries are kept takes a snapshot, and leaves nothing of its old copy', async () => {
    await westTooFarBehind();
    await cluster.startNode('west');
    const join = await joinedBySnapshot('west');
    expect(join.why).toMatch(/position \d+ is next here, and home keeps it no longer/);
    expect(await cluster.stateHashes()).toHaveLength(1);
    expect(await cluster.admin('west').setAside()).toEqual([]);
  });

  it('does not hold up a home that compares itself with all', async () => {
    await westTooFarBehind({ compare: 'all' });
    for (const donor of ['home', 'east']) cluster.network.hold(donor, 'west', 'transfer');
    await cluster.startNode('west');
    await eventually(() => expect(cluster.status('west').join?.by).toBe('snapshot'));
    await cluster.stopNode('home');
    await cluster.startNode('home');
    await cluster.writable(['home', 'east']);
    cluster.network.releaseAll();
    await joinedBySnapshot('west');
  });

  it('and whose donor dies takes the copy of another', async () => {
    await westTooFarBehind();
    cluster.network.hold('east', 'west', 'transfer');
    cluster.network.hold('home', 'west', 'transfer');
    await cluster.startNode('west');
    const donor = await eventually(() => cluster.status('west').join?.donor ?? false);
    expect(donor).toBe('east');
    await cluster.stopNode('east');
    cluster.network.releaseAll();
    const join = await joinedBySnapshot('west');
    expect(join.donor).toBe('home');
  });

  it('is given a copy by a node of its own region, rather than by the home', async () => {
    await westTooFarBehind({
      nodes: ['home', 'east', 'west', 'west-two'],
      regions: { 'west-two': 'west' },
    });
    await cluster.startNode('west');
    const join = await joinedBySnapshot('west');
    expect(join.donor).toBe('west-two');
    expect(await cluster.stateHashes()).toHaveLength(1);
  });
});

describe("on the operator's word", () => {
  it('a healthy follower takes a new copy, and its old one is set aside', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(5);
    valueOf(await cluster.admin('west').rejoin());
    const join = await joinedBySnapshot('west');
    expect(join.why).toMatch(/operator/);
    expect(await cluster.admin('west').setAside()).toHaveLength(1);
    await cluster.writable();
    await write('after', 'west');
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('a damaged follower takes a new copy; before it waits', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(5);
    await cluster.settled();
    await cluster.stopNode('west');
    cluster.disk('west').flipBit(entryKey(3), 40);
    await cluster.startNode('west');
    expect(cluster.status('west')).toMatchObject({ state: 'damaged' });
    expect(failureOf(await cluster.service('west').read([key('n')], local))).toMatchObject({
      code: 'NODE_INCONSISTENT',
      details: { state: 'damaged' },
    });
    valueOf(await cluster.admin('west').rejoin());
    await joinedBySnapshot('west');
    expect(await cluster.admin('west').setAside()).toHaveLength(1);
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('no home gives its copy up, and nobody without a donor', async () => {
    cluster = await InProcessCluster.start();
    expect(failureOf(await cluster.admin('home').rejoin())).toMatchObject({ code: 'OPERATION_REFUSED' });
    await cluster.stopNode('home');
    await cluster.stopNode('east');
    await eventually(
      () =>
        cluster
          .node('west')
          .peers()
          .filter((peer) => peer.reachable).length === 1,
    );
    expect(failureOf(await cluster.admin('west').rejoin())).toMatchObject({ code: 'OPERATION_REFUSED' });
    expect(cluster.status('west').state).toBe('catching-up');
  });
});

it('a copy of another history waits for the word of the operator, and is set aside', async () => {
  cluster = await InProcessCluster.start({ nodes: ['home', 'east', 'west'] });
  await writeMany(5);
  await cluster.settled();
  const { keyspaceId } = cluster.parts('home').store.head;
  await cluster.stopNode('west');
  const other = await InProcessCluster.start({ nodes: ['west'] });
  const request = oneShot({ mutations: [put('elsewhere')] });
  valueOf(await other.service('west').transact(request));
  await other.stopNode('west');
  cluster.replaceDisk('west', other.disk('west'));
  await other.stop();
  await cluster.startNode('west');
  await eventually(() => expect(cluster.status('west').state).toBe('inconsistent'));
  expect(await cluster.admin('west').setAside()).toEqual([]);
  // The home has stopped: it may be its own log that is the wrong one.
  await eventually(() => !cluster.parts('home').sequencing);
  valueOf(await cluster.admin('west').rejoin());
  await eventually(() =>
    expect(cluster.status('west')).toMatchObject({ uuid: keyspaceId, join: { phase: 'done' } }),
  );
  expect(await cluster.admin('west').setAside()).toHaveLength(1);
  await cluster.stopNode('home');
  await cluster.startNode('home');
  await cluster.writable();
  expect(await cluster.stateHashes()).toHaveLength(1);
});

it('a disk that fails at any moment of joining costs time and nothing else', async () => {
  await westTooFarBehind();
  cluster.place('west').exchangeFaults.push('before', 'after');
  const incoming = new FaultyDisk();
  incoming.faults.push('lost', 'written');
  cluster.place('west').incoming = incoming;
  await cluster.startNode('west');
  await joinedBySnapshot('west');
  expect(await cluster.stateHashes()).toHaveLength(1);
});
