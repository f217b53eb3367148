import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import type { FaultyDisk } from '../../test/support/faulty-database.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { add, failureOf, key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';
import type { Database } from '../storage/store.js';

let cluster: InProcessCluster;
/** What hangs must go on before the cluster can stop. */
let endings: (() => void)[];
beforeEach(() => (endings = []));
afterEach(() => {
  for (const end of endings) end();
  return cluster.stop();
});

const within = { withinMs: 15_000 };
const write = (name: string, value = 'x') => oneShot({ mutations: [put(name, value)] });
const hang = (node: string): (() => void) => {
  const end = cluster.disk(node).hang();
  endings.push(end);
  return end;
};
const committedAt = (node: string, name = 'a'): Promise<unknown> =>
  eventually(async () => valueOf(await cluster.keyspace(node).transact(write(name))), within);
const saysSo = (node: string): Promise<unknown> =>
  eventually(() => expect(cluster.status(node).detail).toMatch(/its disk hangs/), within);
const allAgree = async (): Promise<void> => {
  await cluster.writable();
  expect(await cluster.stateHashes()).toHaveLength(1);
};
/** Reads of many keys at once, the first thing that an entry with many counters does, hang from `begin` on. */
const hangReads = (disk: FaultyDisk): { begin(): void } => {
  let hanging: Promise<void> | undefined;
  const { open } = disk;
  Object.assign(disk, {
    open: async (): Promise<Database> => {
      const database = await open();
      const getMany = database.getMany.bind(database);
      const hung = async (keys: Buffer[]) => {
        await hanging;
        return getMany(keys);
      };
      return Object.assign(database, { getMany: hung });
    },
  });
  return {
    begin: () => {
      hanging = new Promise((resolve) => endings.push(resolve));
    },
  };
};

describe('where nodes share the log', () => {
  it('a sequencer gives the role up: others go on, and it follows when its disk does', async () => {
    cluster = await InProcessCluster.start({ shared: true, speed: 5 });
    const end = hang('home');
    valueOf(await cluster.keyspace('east').transact(write('a', 'before it is noticed')));
    valueOf(await cluster.keyspace('west').transact(write('a', 'after')));
    expect(await cluster.sequencer()).not.toBe('home');
    await saysSo('home');
    expect(cluster.status('home')).toMatchObject({ state: 'catching-up', writable: false });
    const read = valueOf(await cluster.keyspace('home').read([key('a')], local));
    expect(read.values.map(textOf)).toEqual([undefined]);
    end();
    await allAgree();
  });

  it('a node that wins the role, and whose disk turns out to hang, frees it again', async () => {
    cluster = await InProcessCluster.start({ shared: true, speed: 5 });
    await cluster.settled();
    const end = hang('east');
    await cluster.stopNode('home');
    await committedAt('west');
    expect(await cluster.sequencer()).toBe('west');
    end();
    await cluster.startNode('home');
    await allAgree();
  });

  it('a handover that meets the hang ends: the role is free', async () => {
    cluster = await InProcessCluster.start({ shared: true, speed: 5 });
    await cluster.settled();
    hang('home');
    const written = cluster.keyspace('west').transact(write('a'));
    await eventually(() => expect(cluster.parts('home').store.underWay).toBeDefined());
    cluster.parts('home').drain();
    valueOf(await written);
    expect(await cluster.sequencer()).not.toBe('home');
  });

  it('a disk that hangs when it is read for an entry costs the role, too', async () => {
    cluster = await InProcessCluster.start({ shared: true, speed: 5, down: ['home'] });
    const reads = hangReads(cluster.disk('home'));
    await cluster.startNode('home');
    await eventually(async () => expect(await cluster.sequencer()).toBe('home'), within);
    await cluster.writable();
    reads.begin();
    const many = oneShot({ mutations: Array.from({ length: 30 }, (_, n) => add(`n${n}`)) });
    valueOf(await cluster.keyspace('west').transact(many));
    expect(await cluster.sequencer()).not.toBe('home');
    await saysSo('home');
  });
});

it('a home whose store is the log says so and takes no writes until its disk goes on', async () => {
  cluster = await InProcessCluster.start({ speed: 5 });
  const end = hang('home');
  const written = cluster.keyspace('home').transact(write('a', 'one'));
  await saysSo('home');
  expect(cluster.status('home')).toMatchObject({ state: 'synced', writable: false });
  end();
  valueOf(await written);
  await cluster.writable();
  expect(cluster.status('home').detail).toBeUndefined();
});

it('a node that joins is not served because its disk hangs', async () => {
  cluster = await InProcessCluster.start({ nodes: ['home', 'east'], down: ['east'], speed: 5 });
  const value = 'v'.repeat(600 * 1024);
  for (let n = 0; n < 20; n++) valueOf(await cluster.keyspace('home').transact(write(`k${n}`, value)));
  const disk = cluster.disk('east');
  const { write: store } = disk;
  let batches = 0;
  disk.write = (operations, sync) => {
    store.call(disk, operations, sync);
    batches += 1;
    if (batches === 2) hang('east');
  };
  await cluster.startNode('east');
  await saysSo('east');
  expect(cluster.status('east').state).toBe('joining');
  expect(cluster.status('east').position).toBeGreaterThanOrEqual(0);
  const read = await cluster.service('east').read([key('k0')], local);
  expect(failureOf(read).code).toBe('NODE_NOT_READY');
});
