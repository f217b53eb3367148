import { afterEach, describe, expect, it } from 'vitest';
import type { EtcdCall } from '../../test/support/etcd-caller.js';
import { EtcdModel } from '../../test/support/etcd-model.js';
import { eventually } from '../../test/support/eventually.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { add, failureOf, key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';
import { mintKeyspaceId } from '../model/ids.js';
import { EtcdError } from '../ordering/etcd/etcd-kv.js';
import type { Recovery } from '../transaction/service.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const within = { withinMs: 30_000 };
const everyone = { without: [] };
const write = async (text: string, node = 'home') =>
  valueOf(await cluster.service(node).transact(oneShot({ mutations: [put(text), add('n')] })));
const writeMany = async (count: number, node = 'home'): Promise<void> => {
  for (let n = 0; n < count; n++) await write(`key ${n}`, node);
};
/** Once all nodes have been heard of, and nobody serves. */
const recovered = (without: readonly string[] = []): Promise<Recovery> =>
  eventually(async () => valueOf(await cluster.admin('home').recover({ without })), within);
const rejoined = async (node: string): Promise<void> => {
  await eventually(() => expect(cluster.status(node).state).toBe('inconsistent'), within);
  valueOf(await cluster.admin(node).rejoin());
  await eventually(
    () => expect(cluster.status(node)).toMatchObject({ state: 'synced', writable: true }),
    within,
  );
};
const refusesToLead = (why: RegExp): Promise<unknown> =>
  eventually(() => {
    for (const node of cluster.nodeIds()) expect(cluster.status(node).writable).toBe(false);
    expect(cluster.status('home').detail).toMatch(why);
  }, within);
const counted = async (node: string) =>
  valueOf(await cluster.service(node).read([key('n')], local)).values.map(textOf)[0];
const servedAnew = async (uuid: string): Promise<void> => {
  await eventually(() => expect(cluster.status('home')).toMatchObject({ writable: true, uuid }), within);
  await write('before anyone has rejoined');
  for (const node of ['east', 'west']) await rejoined(node);
  await write('from west', 'west');
  expect(await cluster.stateHashes()).toHaveLength(1);
};

const emptyEtcd = (): EtcdModel => new EtcdModel({ clock: cluster.runtime.clock });
const putsGenesis = (call: EtcdCall): boolean =>
  call.kind === 'txn' &&
  call.txn.success.some((one) => 'put' in one && /genesis$/.test(one.put.key.toString()));
/** An etcd in which the next transactions that put a history in the place of another get no answer. */
const etcdWithLoss = (of: 'request' | 'answer', losses: number): EtcdModel => {
  const etcd = emptyEtcd();
  const execute = etcd.execute.bind(etcd);
  let left = losses;
  etcd.execute = (call) => {
    if (!putsGenesis(call) || left === 0) return execute(call);
    left -= 1;
    if (of === 'answer') execute(call);
    throw new EtcdError('unknown', `the ${of} was lost`);
  };
  return etcd;
};

describe('a keyspace whose log in etcd is gone', () => {
  it('is recovered from the most advanced copy, which becomes a new history in an empty etcd', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await writeMany(5);
    await cluster.settled();
    cluster.network.hold('home', 'west', 'entries');
    const { gtid, transactionId } = await write('at east', 'east');
    const { head } = cluster.parts('east').store;
    cluster.etcd = emptyEtcd();
    await refusesToLead(/no history in etcd: .*meridian recover/);
    const plan = valueOf(await cluster.admin('home').planRecovery(everyone));
    expect(plan).toMatchObject({
      seqno: head.seqno,
      unproven: undefined,
      warnings: ['the log that the nodes share holds no history'],
    });
    const { uuid, uuidBefore, seqnoBase } = await recovered();
    expect({ uuidBefore, seqnoBase }).toEqual({ uuidBefore: head.keyspaceId, seqnoBase: 1_000_000_000 });
    cluster.network.heal();
    cluster.network.releaseAll();
    await servedAnew(uuid);
    for (const node of cluster.nodeIds()) {
      expect(await counted(node)).toBe('8');
      expect(cluster.service(node).transactionState(transactionId)).toMatchObject({ state: 'committed' });
      const tokenOfOld = { ...local, token: gtid };
      expect(failureOf(await cluster.service(node).read([key('n')], tokenOfOld)).code).toBe(
        'HISTORY_MISMATCH',
      );
    }
  });

  it('keeps what the home alone held when the recovery is cut off before etcd has the new history', async () => {
    cluster = await InProcessCluster.start({ shared: true, nodes: ['home', 'east'] });
    await writeMany(3);
    await cluster.settled();
    cluster.network.hold('home', 'east', 'entries');
    await write('at home');
    const before = cluster.status('home').uuid;
    cluster.etcd = etcdWithLoss('request', 6);
    await refusesToLead(/./);
    const failed = await eventually(async () => {
      const failure = failureOf(await cluster.admin('home').recover(everyone));
      expect(failure.code).toBe('INTERNAL');
      return failure;
    }, within);
    expect(failed.outcome).toBe('unknown');
    await cluster.stopNode('home');
    await cluster.startNode('home');
    const between = cluster.status('home').uuid;
    expect(between).not.toBe(before);
    cluster.network.heal();
    cluster.network.releaseAll();
    const { source, uuid, uuidBefore } = await recovered();
    expect({ source, uuidBefore }).toEqual({ source: 'home', uuidBefore: between });
    await eventually(() => expect(cluster.status('home')).toMatchObject({ writable: true, uuid }), within);
    await rejoined('east');
    expect(await counted('east')).toBe('4');
  });

  it('has one new history when the answer that says so is lost', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await writeMany(3);
    await cluster.settled();
    cluster.etcd = etcdWithLoss('answer', 1);
    await refusesToLead(/./);
    await servedAnew((await recovered()).uuid);
  });

  it('is not begun anew from the log by a node without a copy: what the history began with is not in it', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await writeMany(3);
    await cluster.settled();
    cluster.etcd = emptyEtcd();
    await refusesToLead(/./);
    const { uuid } = await recovered();
    await eventually(() => expect(cluster.status('home')).toMatchObject({ writable: true, uuid }), within);
    for (const node of cluster.nodeIds()) await cluster.stopNode(node);
    cluster.replaceDisk('west');
    await cluster.startNode('west');
    await eventually(() => expect(cluster.status('west').detail).toMatch(/began with a copy/), within);
    expect(cluster.status('west')).toMatchObject({ uuid: undefined, writable: false });
    await cluster.startNode('home');
    await eventually(
      () => expect(cluster.status('west')).toMatchObject({ state: 'synced', writable: true, uuid }),
      within,
    );
    expect(await counted('west')).toBe('3');
  });
});

describe('a keyspace whose etcd was set back', () => {
  it('is recovered with all that the nodes hold', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await writeMany(3);
    const older = await cluster.copyOfEtcd();
    await writeMany(3, 'east');
    await cluster.settled();
    cluster.etcd = older;
    await refusesToLead(/the log was set back/);
    const { uuid, unproven } = await recovered();
    expect(unproven).toBeUndefined();
    await servedAnew(uuid);
    expect(await counted('west')).toBe('8');
  });

  it('and was written on by a node that was cut off is recovered; that node follows, and is inconsistent', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await writeMany(3);
    await cluster.settled();
    for (const node of ['home', 'east']) cluster.network.cut('west', node);
    const older = await cluster.copyOfEtcd();
    await writeMany(3, 'east');
    cluster.etcd = older;
    await eventually(() => expect(cluster.parts('west').sequencing).toBe(true), within);
    cluster.network.heal();
    await eventually(
      () => expect(cluster.parts('west').whyNotSequencing).toMatch(/ahead of the log/),
      within,
    );
    const { uuid, source } = await recovered();
    expect(source).not.toBe('west');
    await servedAnew(uuid);
    expect(await counted('west')).toBe('8');
  });
});

describe('a keyspace whose etcd holds another history', () => {
  it('is recovered from the copy that has come furthest, although no copy is of the log', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await writeMany(3);
    await cluster.settled();
    await cluster.stopNode('home');
    await eventually(async () => expect(await cluster.sequencer()).not.toBe('home'), within);
    await cluster.writable();
    await writeMany(2, 'east');
    await cluster.settled();
    cluster.etcd = emptyEtcd();
    const begunAgain = mintKeyspaceId(Buffer.alloc(16, 9));
    await cluster.beginHistory('home', begunAgain);
    for (const node of ['east', 'west'])
      await eventually(() => expect(cluster.status(node).state).toBe('inconsistent'), within);
    await cluster.startNode('home');
    for (const node of cluster.nodeIds())
      await eventually(() => expect(cluster.status(node).state).toBe('inconsistent'), within);
    const { uuid, source, warnings } = await recovered();
    expect(['east', 'west']).toContain(source);
    expect(warnings).toEqual([`the log that the nodes share is of another history, ${begunAgain}`]);
    await servedAnew(uuid);
    expect(await counted('home')).toBe('7');
    expect(await cluster.admin('home').setAside()).toHaveLength(1);
  });
});

describe('a keyspace that was begun again at an empty home, in an empty etcd', () => {
  it('halts when the home meets the nodes of the old history, and is recovered from one of them', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await writeMany(3);
    await cluster.settled();
    await cluster.stopNode('home');
    cluster.replaceDisk('home');
    cluster.etcd = emptyEtcd();
    const begunAgain = mintKeyspaceId(Buffer.alloc(16, 9));
    await cluster.beginHistory('home', begunAgain);
    await cluster.startNode('home');
    await eventually(() => expect(cluster.status('home').uuid).toBe(begunAgain), within);
    const { uuid, source } = await recovered();
    expect(['east', 'west']).toContain(source);
    await servedAnew(uuid);
    expect(await counted('home')).toBe('5');
  });
});

describe('a recovery of a log that nodes share is refused', () => {
  const refused = (message: RegExp, without: readonly string[] = []): Promise<unknown> =>
    eventually(async () => {
      const failure = failureOf(await cluster.admin('home').recover({ without }));
      expect(failure).toMatchObject({
        code: 'OPERATION_REFUSED',
        message: expect.stringMatching(message),
      });
    }, within);

  it('while a node serves the keyspace, here or elsewhere, and at every node but the home', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await refused(/^the keyspace is healthy: its sequencer serves$/);
    for (const asked of ['recover', 'planRecovery'] as const)
      expect(failureOf(await cluster.admin('east')[asked](everyone)).message).toMatch(/not the home/);
    cluster.cutFromEtcd.add('home');
    await eventually(async () => expect(await cluster.sequencer()).not.toBe('home'), within);
    await refused(/^the keyspace is healthy: its sequencer serves, at (east|west)$/);
  });

  it('while the log cannot be asked', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    for (const node of cluster.nodeIds()) cluster.cutFromEtcd.add(node);
    await refusesToLead(/./);
    await refused(/the log that the nodes share cannot be asked: cut off/);
    const plan = valueOf(await cluster.admin('home').planRecovery(everyone));
    expect(plan.warnings).toEqual(['the log that the nodes share cannot be asked: cut off']);
  });

  it('while a node that was named as lost holds the role', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await cluster.stopNode('home');
    const successor = await cluster.sequencer();
    for (const node of ['east', 'west']) cluster.network.cut('home', node);
    await cluster.startNode('home');
    await refused(new RegExp(`${successor} holds the role and cannot be asked`), ['east', 'west']);
    await cluster.writable(['east', 'west']);
  });
});

describe('after a recovery', () => {
  it('the home, should it come back with an older copy, rejoins like any other node', async () => {
    cluster = await InProcessCluster.start({ shared: true });
    await writeMany(3);
    await cluster.settled();
    await cluster.stopNode('home');
    const old = cluster.disk('home');
    await cluster.startNode('home');
    await cluster.writable();
    const copy = new FaultyDisk();
    for (const at of old.keys()) copy.overwrite(at, old.read(at));
    cluster.etcd = emptyEtcd();
    await refusesToLead(/./);
    await servedAnew((await recovered()).uuid);
    await cluster.stopNode('home');
    cluster.replaceDisk('home', copy);
    await cluster.startNode('home');
    await rejoined('home');
    await eventually(async () => expect(await cluster.sequencer()).toBe('home'), within);
    await cluster.writable();
    expect(await cluster.stateHashes()).toHaveLength(1);
  });
});

it('a recovery does not wait for a copy that nobody can give', async () => {
  cluster = await InProcessCluster.start({ shared: true });
  await writeMany(3);
  await cluster.settled();
  cluster.network.hold('east', 'home', 'transfer');
  cluster.network.hold('west', 'home', 'transfer');
  await cluster.stopNode('home');
  await cluster.writable(['east', 'west']);
  await cluster.startNode('home');
  valueOf(await cluster.admin('home').rejoin());
  for (const node of ['east', 'west']) await cluster.stopNode(node);
  cluster.etcd = emptyEtcd();
  expect(cluster.status('home').state).toBe('joining');
  await cluster.startNode('east');
  const recovery = recovered(['west']);
  await eventually(() => expect(cluster.status('home').detail).toMatch(/recovered|restored/), within);
  cluster.network.releaseAll();
  expect((await recovery).source).toBe('east');
});
