import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { add, failureOf, key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';
import { mintKeyspaceId } from '../model/ids.js';
import { headKey } from '../storage/layout.js';
import type { Recovery } from '../transaction/service.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const write = async (text: string, node = 'home') =>
  valueOf(await cluster.service(node).transact(oneShot({ mutations: [put(text), add('n')] })));
const writeMany = async (count: number, node = 'home'): Promise<void> => {
  for (let n = 0; n < count; n++) await write(`key ${n}`, node);
};
const everyone = { without: [] };
/** Once all nodes have been heard of. */
const recovered = (without: readonly string[] = []): Promise<Recovery> =>
  eventually(async () => valueOf(await cluster.admin('home').recover({ without })));
const rejoined = async (node: string): Promise<void> => {
  await eventually(() => expect(cluster.status(node).state).toBe('inconsistent'));
  valueOf(await cluster.admin(node).rejoin());
  await eventually(() =>
    expect(cluster.status(node)).toMatchObject({ state: 'synced', join: { phase: 'done' } }),
  );
};
const wipeHome = async (): Promise<void> => {
  await cluster.stopNode('home');
  cluster.replaceDisk('home');
  await cluster.startNode('home');
};
const copyOf = (disk: FaultyDisk): FaultyDisk => {
  const copy = new FaultyDisk();
  for (const at of disk.keys()) copy.overwrite(at, disk.read(at));
  return copy;
};
/** A store as after a stop, in which nothing is under way. */
const copyOfStopped = async (node: string): Promise<FaultyDisk> => {
  await cluster.stopNode(node);
  const copy = copyOf(cluster.disk(node));
  await cluster.startNode(node);
  await cluster.writable();
  return copy;
};

describe('a home that lost its store', () => {
  it('refuses to lead, and is restored from the most advanced follower', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(10);
    await cluster.settled();
    // West falls behind; east holds everything but what it has only heard of.
    cluster.network.hold('home', 'west', 'entries');
    const { gtid, transactionId } = await write('at east');
    await cluster.settled(['east']);
    const seen = cluster.parts('east').store.head;
    await eventually(() => cluster.parts('west').link.status.tail.position === seen.position);
    await cluster.stopNode('home');
    cluster.network.drop('home', 'west', 'entries');
    cluster.replaceDisk('home');
    await cluster.startNode('home');
    await eventually(() =>
      expect(cluster.status('home')).toMatchObject({
        state: 'no-history',
        writable: false,
        detail: expect.stringMatching(/holds the history .*meridian recover/),
      }),
    );

    const { uuid, seqnoBase, uuidBefore, source, unproven, seqno } = await recovered();
    expect({ uuidBefore, source, seqno, unproven, seqnoBase }).toEqual({
      uuidBefore: seen.keyspaceId,
      source: 'east',
      seqno: seen.seqno,
      unproven: undefined,
      seqnoBase: 1_000_000_000,
    });
    await eventually(() =>
      expect(cluster.status('home')).toMatchObject({ writable: true, uuid, state: 'synced' }),
    );
    const after = valueOf(await cluster.service('home').read([key('at east'), key('n')], local));
    expect(after.values.map(textOf)).toEqual(['value', '11']);
    expect(cluster.service('home').transactionState(transactionId)).toMatchObject({ state: 'committed' });
    expect((await write('new')).seqno).toBe(seqnoBase + 1);
    const tokenOfOld = { ...local, token: gtid };
    expect(failureOf(await cluster.service('home').read([key('n')], tokenOfOld)).code).toBe(
      'HISTORY_MISMATCH',
    );

    for (const node of ['east', 'west']) await rejoined(node);
    await cluster.writable();
    await write('from west', 'west');
    expect(await cluster.stateHashes()).toHaveLength(1);
    expect(cluster.status('west').uuid).toBe(uuid);
    for (const node of ['east', 'west']) expect(await cluster.admin(node).setAside()).toHaveLength(1);
  });

  it('tells which positions a follower had seen and nobody holds', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(5);
    await cluster.settled();
    for (const node of ['east', 'west']) cluster.network.hold('home', node, 'entries');
    await write('lost');
    const { position } = cluster.parts('home').store.head;
    await eventually(() => cluster.parts('west').link.status.tail.position === position);
    await cluster.stopNode('home');
    for (const node of ['east', 'west']) cluster.network.drop('home', node, 'entries');
    cluster.replaceDisk('home');
    await cluster.startNode('home');
    await eventually(async () => {
      const plan = valueOf(await cluster.admin('home').planRecovery(everyone));
      expect(plan).toMatchObject({
        unproven: { fromPosition: position, toPosition: position },
        warnings: [],
      });
    });
    const { unproven } = await recovered();
    expect(unproven).toEqual({ fromPosition: position, toPosition: position });
    await cluster.writable(['home']);
  });

  it('is not restored while a node cannot be asked, but for those that are named as lost', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(5);
    await cluster.settled();
    await cluster.stopNode('west');
    await wipeHome();
    await eventually(async () => {
      const { code, message } = failureOf(await cluster.admin('home').recover(everyone));
      expect({ code, message }).toMatchObject({
        code: 'OPERATION_REFUSED',
        message: 'west cannot be asked; name those that are lost',
      });
    });
    const { source, warnings } = await recovered(['west']);
    expect({ source, warnings }).toEqual({
      source: 'east',
      warnings: ['west is not asked: what it alone holds is lost'],
    });
    await cluster.writable(['home']);
    await cluster.startNode('west');
    await rejoined('west');
    expect(cluster.status('home').writable).toBe(true);
  });

  it('is served by followers that come back empty by a copy, since nobody has the beginning of the log', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(5);
    await cluster.settled();
    await wipeHome();
    await recovered();
    await cluster.stopNode('west');
    cluster.replaceDisk('west');
    await cluster.startNode('west');
    await eventually(() =>
      expect(cluster.status('west')).toMatchObject({
        state: 'synced',
        join: { by: 'snapshot', donor: 'home' },
      }),
    );
  });
});

describe('a home that was set back', () => {
  it('and halts is recovered from the follower that is ahead', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(3);
    const older = await copyOfStopped('home');
    await writeMany(5, 'east');
    await cluster.settled();
    await cluster.stopNode('home');
    cluster.replaceDisk('home', older);
    await cluster.startNode('home');
    await eventually(() => expect(cluster.status('home').detail).toMatch(/ahead of the log/));
    const { source, uuid } = await recovered();
    expect(['east', 'west']).toContain(source);
    await eventually(() => expect(cluster.status('home')).toMatchObject({ writable: true, uuid }));
    expect(await cluster.admin('home').setAside()).toHaveLength(1);
    for (const node of ['east', 'west']) await rejoined(node);
    expect(await cluster.stateHashes()).toHaveLength(1);
    const read = valueOf(await cluster.service('home').read([key('n')], local));
    expect(read.values.map(textOf)).toEqual(['8']);
  });

  it('and was cut off, and wrote on, is recovered in its own place when it has come furthest', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(3);
    const older = await copyOfStopped('home');
    await write('only at the followers');
    await cluster.settled();
    await cluster.stopNode('home');
    cluster.replaceDisk('home', older);
    for (const node of ['east', 'west']) cluster.network.cut('home', node);
    await cluster.startNode('home');
    await cluster.writable(['home']);
    await writeMany(9);
    cluster.network.heal();
    await eventually(() =>
      expect(cluster.status('home').detail).toMatch(/holds another entry|ahead of the log/),
    );
    await eventually(() => expect(cluster.status('east').state).toBe('inconsistent'));
    const { source, uuid, warnings } = await eventually(async () => {
      const plan = valueOf(await cluster.admin('home').planRecovery(everyone));
      expect(plan.warnings.join()).toMatch(/east holds position \d+, and is inconsistent/);
      return valueOf(await cluster.admin('home').recover(everyone));
    });
    expect(source).toBe('home');
    expect(warnings.join()).toMatch(/east .* what differs there is not restored/);
    await eventually(() => expect(cluster.status('home')).toMatchObject({ writable: true, uuid }));
    for (const node of ['east', 'west']) await rejoined(node);
    await cluster.writable();
    expect(await cluster.stateHashes()).toHaveLength(1);
    const read = valueOf(await cluster.service('west').read([key('only at the followers')], local));
    expect(read.values).toEqual([undefined]);
  });
});

it('every history that a node holds beside the one that is restored is replaced too', async () => {
  cluster = await InProcessCluster.start();
  await writeMany(5);
  await cluster.settled();
  for (const node of ['home', 'west']) {
    await cluster.stopNode(node);
    cluster.replaceDisk(node);
  }
  const begunAgain = mintKeyspaceId(Buffer.alloc(16, 9));
  await cluster.stopNode('east');
  await cluster.beginHistory('home', begunAgain);
  for (const node of ['home', 'west']) await cluster.startNode(node);
  await cluster.writable(['home', 'west']);
  await cluster.startNode('east');
  await eventually(() => expect(cluster.status('home').detail).toMatch(/east has another history/));
  // Who differs from the home does not give its copy: once the home is silent about histories, it does.
  await cluster.stopNode('home');
  cluster.disk('home').overwrite(headKey, Buffer.from('no head'));
  await cluster.stopNode('east');
  await cluster.startNode('east');
  await cluster.startNode('home');
  const { source } = await recovered();
  expect(source).toBe('east');
  for (const node of ['east', 'west']) await rejoined(node);
  await cluster.writable();
  expect(await cluster.stateHashes()).toHaveLength(1);
});

it('a healthy keyspace is not recovered, and none elsewhere than at its home', async () => {
  cluster = await InProcessCluster.start();
  await write('a');
  expect(failureOf(await cluster.admin('home').recover(everyone))).toMatchObject({
    code: 'OPERATION_REFUSED',
    message: 'the keyspace is healthy: its sequencer serves',
  });
  for (const asked of [cluster.admin('west').recover(everyone), cluster.admin('west').planRecovery(everyone)])
    expect(failureOf(await asked)).toMatchObject({ code: 'OPERATION_REFUSED' });
});

it('a clock that is far from those of the others begins no history: its id floor would never fall again', async () => {
  cluster = await InProcessCluster.start();
  await writeMany(3);
  await cluster.settled();
  cluster.clockOffsetMs.set('home', 3_600_000);
  await wipeHome();
  await eventually(async () => {
    const { code, message } = failureOf(await cluster.admin('home').recover(everyone));
    expect({ code, message }).toMatchObject({
      code: 'OPERATION_REFUSED',
      message: expect.stringMatching(/clock .* ms apart/),
    });
  });
  cluster.clockOffsetMs.delete('home');
  await recovered();
  await cluster.writable(['home']);
});

it('a damaged home is recovered from a follower, and its copy is set aside', async () => {
  cluster = await InProcessCluster.start();
  await writeMany(5);
  await cluster.settled();
  await cluster.stopNode('home');
  const { head } = cluster.parts('east').store;
  cluster.disk('home').overwrite(headKey, Buffer.from('no head'));
  await cluster.startNode('home');
  expect(cluster.status('home').state).toBe('damaged');
  const { source, seqno } = await recovered();
  expect(['east', 'west']).toContain(source);
  expect(seqno).toBe(head.seqno);
  await cluster.writable(['home']);
  expect(await cluster.admin('home').setAside()).toHaveLength(1);
});

it('a recovery that cannot be written leaves the keyspace as it was, and can be ordered again', async () => {
  cluster = await InProcessCluster.start({ nodes: ['home', 'east'] });
  await writeMany(3);
  await cluster.stopNode('east');
  await cluster.stopNode('home');
  cluster.clockOffsetMs.set('home', -3_600_000);
  await cluster.startNode('home');
  await eventually(() => expect(cluster.status('home').detail).toMatch(/behind log time/));
  const before = cluster.status('home').uuid;
  cluster.disk('home').faults.push('lost');
  const failed = failureOf(await cluster.admin('home').recover({ without: ['east'] }));
  expect(failed).toMatchObject({ code: 'INTERNAL', outcome: 'unknown' });
  await eventually(() => expect(cluster.status('home')).toMatchObject({ uuid: before, state: 'synced' }));
  const { uuid, uuidBefore } = await recovered(['east']);
  expect(uuidBefore).toBe(before);
  cluster.clockOffsetMs.delete('home');
  await eventually(() => expect(cluster.status('home')).toMatchObject({ uuid, writable: true }));
});
