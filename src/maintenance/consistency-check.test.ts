import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster, type ClusterOptions } from '../../test/support/in-process-cluster.js';
import { failureOf, key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';
import type { TransactionId } from '../model/ids.js';
import { dataKey, dataRow, decodeData, outcomeKey } from '../storage/layout.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const within = { withinMs: 15_000 };
const start = async (options: ClusterOptions = {}): Promise<TransactionId> => {
  cluster = await InProcessCluster.start(options);
  for (let n = 0; n < 300; n++) await write(put(`key ${n}`));
  return write(put('a', 'one'));
};
const write = async (...mutations: ReturnType<typeof put>[]) =>
  valueOf(await cluster.keyspace(cluster.home).transact(oneShot({ mutations }))).transactionId;
const read = async (node: string) =>
  textOf(valueOf(await cluster.keyspace(node).read([key('a')], local)).values[0]);
const check = async () => valueOf(await cluster.parts(cluster.home).check.check());
const statusOf = (node: string) => cluster.status(node).check;
const verdict = (node: string) => statusOf(node)?.verdict;

/** The node is down while its database is changed. */
async function whileDown(node: string, change: () => void): Promise<void> {
  await cluster.settled();
  await cluster.stopNode(node);
  change();
  await cluster.startNode(node);
  await cluster.writable();
  await cluster.settled();
}

/** Another value under a right checksum. */
function changeRecord(node: string): void {
  const disk = cluster.disk(node);
  const at = dataKey(key('a'));
  const record = decodeData(at, disk.read(at)!);
  disk.overwrite(at, dataRow(key('a'), { ...record, version: record.version, expiresAtMs: 12345 }).value);
}

async function expectInconsistent(node: string): Promise<void> {
  await eventually(() => expect(cluster.status(node).state).toBe('inconsistent'), within);
  const refused = failureOf(await cluster.keyspace(node).read([key('a')], local));
  expect(refused).toMatchObject({ code: 'NODE_INCONSISTENT', details: { state: 'inconsistent' } });
  expect(refused.message).toContain(statusOf(node)!.mark);
  expect(refused.message).toContain(statusOf(node)!.hash!.slice(0, 16));
}

describe('a consistency check', () => {
  it('compares all nodes at one mark while writes go on, and finds them equal', async () => {
    await start();
    let isWriting = true;
    const writing = (async () => {
      for (let n = 0; isWriting; n++) await write(put(`key ${n % 100}`, `${n}`));
      return true;
    })();
    const { mark, position } = await check();
    for (const node of ['home', 'east', 'west']) {
      await eventually(() => expect(verdict(node)).toBe('equal'), within);
      expect(statusOf(node)).toMatchObject({ mark, position, hash: statusOf('home')!.hash });
    }
    isWriting = false;
    expect(await writing).toBe(true);
    await cluster.settled();
    expect(cluster.parts('west').store.head.position).toBeGreaterThan(position);
  });

  it('takes in a node that lags, when it comes to the mark, also where more was written after that', async () => {
    await start();
    await cluster.settled();
    cluster.network.hold('home', 'west', 'entries');
    await write(put('before'));
    await check();
    for (let n = 0; n < 5; n++) await write(put('after', `${n}`));
    await eventually(() => expect(verdict('east')).toBe('running'), within);
    cluster.network.releaseAll();
    await eventually(() => expect(verdict('west')).toBe('equal'), within);
  });

  it('has another hash after a write, and the same after none', async () => {
    await start();
    const hashes: (string | undefined)[] = [];
    for (const change of [false, false, true]) {
      if (change) await write(put('b'));
      const { mark } = await check();
      const isEqual = () => statusOf('home')?.mark === mark && verdict('home') === 'equal';
      await eventually(isEqual, within);
      hashes.push(statusOf('home')!.hash);
    }
    expect(hashes[1]).toBe(hashes[0]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });

  it('is asked of the node that sequences', async () => {
    await start();
    expect(failureOf(await cluster.parts('east').check.check())).toMatchObject({ code: 'OPERATION_REFUSED' });
  });

  it('runs by itself on the schedule', async () => {
    cluster = await InProcessCluster.start({ checksEveryMs: 3000, speed: 20 });
    await eventually(() => expect(verdict('west')).toBe('equal'), within);
    const { mark } = statusOf('west')!;
    await eventually(() => expect(statusOf('west')!.mark).not.toBe(mark), within);
  });

  it('is incomplete a minute later without a node that is down, and says which', async () => {
    await start({ speed: 50 });
    await cluster.settled();
    await cluster.stopNode('west');
    await check();
    await eventually(() => expect(verdict('home')).toBe('incomplete'), within);
    expect(statusOf('home')?.detail).toContain('not reported: west');
    expect(await read('east')).toBe('one');
  });
});

describe('a node whose state differs stops serving, and it alone', () => {
  it('when a record was changed under a right checksum', async () => {
    await start();
    await whileDown('west', () => changeRecord('west'));
    expect(await read('west')).toBe('one');
    await check();
    await expectInconsistent('west');
    await eventually(() => expect(verdict('home')).toBe('differs'), within);
    await write(put('a', 'two'));
    expect(await read('home')).toBe('two');
    expect(cluster.status('east').state).toBe('synced');
  });

  it.each(['west', 'home'])('and does not serve after a restart either: %s', async (node) => {
    await start();
    await whileDown(node, () => changeRecord(node));
    await check();
    await expectInconsistent(node);
    await eventually(() => cluster.parts(node).store.condemned !== undefined);
    await cluster.stopNode(node);
    await cluster.startNode(node);
    expect(cluster.status(node).state).toBe('inconsistent');
    expect(failureOf(await cluster.keyspace(node).read([key('a')], local)).code).toBe('NODE_INCONSISTENT');
    expect(cluster.parts(node).sequencing).toBe(false);
  });

  it('when an outcome is missing', async () => {
    const id = await start();
    await whileDown('east', () => cluster.disk('east').overwrite(outcomeKey(id), undefined));
    await check();
    await expectInconsistent('east');
    expect(await read('west')).toBe('one');
  });

  it('of two nodes the one that is not the home', async () => {
    await start({ nodes: ['home', 'east'] });
    await whileDown('home', () => changeRecord('home'));
    await check();
    await expectInconsistent('east');
    expect(cluster.status('home')).toMatchObject({ state: 'synced', writable: true });
  });

  it('the home too: then nobody sequences, and the others go on with reads', async () => {
    await start();
    await whileDown('home', () => changeRecord('home'));
    await check();
    await expectInconsistent('home');
    const refused = failureOf(await cluster.keyspace('east').transact(oneShot({ mutations: [put('a')] })));
    expect(refused).toMatchObject({ code: 'SEQUENCER_UNAVAILABLE' });
    expect(await read('east')).toBe('one');
  });

  it('as damaged, when a byte was flipped: the check reads what nobody else has read', async () => {
    await start();
    await whileDown('west', () => cluster.disk('west').flipBit(dataKey(key('key 7')), -5));
    expect(cluster.status('west').state).toBe('synced');
    await check();
    await eventually(() => expect(cluster.status('west').state).toBe('damaged'), within);
    expect(cluster.status('west').detail).toContain('key 7');
    await eventually(() => expect(verdict('west')).toBe('incomplete'), within);
    expect(await read('home')).toBe('one');
    expect(cluster.status('home').writable).toBe(true);
  });

  it('as damaged, when a byte of an outcome was flipped', async () => {
    const id = await start();
    await whileDown('west', () => cluster.disk('west').flipBit(outcomeKey(id), -5));
    await check();
    await eventually(() => expect(cluster.status('west').state).toBe('damaged'), within);
    expect(cluster.status('west').detail).toContain(id);
  });
});
