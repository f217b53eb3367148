import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';
import { logPosition } from '../model/ids.js';
import { silentLogger, type Logger } from '../runtime/runtime.js';
import { condemnedKey, dataKey, dataRow, decodeData } from '../storage/layout.js';

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const replacedByRejoin = 'a copy that must not be served is replaced by rejoin alone';
const within = { withinMs: 20_000 };
const write = async (text: string) =>
  valueOf(await cluster.service('home').transact(oneShot({ mutations: [put(text)] })));
const writeMany = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n++) await write(`key ${n}`);
};
/** The log forgets all but its newest entry at all other nodes, while a node is down. */
const leaveBehind = async (node: string): Promise<void> => {
  await cluster.settled();
  await cluster.stopNode(node);
  await writeMany(20);
  await cluster.settled();
  for (const other of cluster.nodeIds()) {
    if (other === node) continue;
    const { store } = cluster.parts(other);
    await store.trim(logPosition(store.head.position));
  }
};
const joinedBySnapshot = (node: string) =>
  eventually(() => {
    const { state, join } = cluster.status(node);
    expect({ state, by: join?.by, phase: join?.phase }).toEqual({
      state: 'synced',
      by: 'snapshot',
      phase: 'done',
    });
    return cluster.status(node).join!;
  }, within);
const setAside = (node: string) => cluster.admin(node).setAside();
const rejoin = async (node: string) => valueOf(await cluster.admin(node).rejoin());
const holdTransfers = (node: string): void => {
  for (const donor of cluster.nodeIds()) if (donor !== node) cluster.network.hold(donor, node, 'transfer');
};
const waitsForTransfer = (node: string) =>
  eventually(() =>
    cluster.nodeIds().some((donor) => donor !== node && cluster.network.waiting(donor, node, 'transfer') > 0),
  );

const copyOf = (disk: FaultyDisk): FaultyDisk => {
  const copy = new FaultyDisk();
  for (const at of disk.keys()) copy.overwrite(at, disk.read(at));
  return copy;
};

describe('a copy that a check found wrong', () => {
  const condemned = async (logger: Logger = silentLogger): Promise<void> => {
    const all: Logger = { ...logger, child: () => all };
    cluster = await InProcessCluster.start({ logger: all });
    await writeMany(3);
    await cluster.parts('west').store.condemn({ why: 'it differs', sinceMs: 1 });
    await cluster.settled();
  };

  it('waits for the operator also when entries no longer bring it up, and is then set aside', async () => {
    const warned: string[] = [];
    await condemned({ ...silentLogger, warn: (_, message) => warned.push(message) });
    await leaveBehind('west');
    await cluster.startNode('west');
    await eventually(() => expect(warned).toContain(replacedByRejoin), within);
    expect(cluster.status('west')).toMatchObject({ state: 'inconsistent', join: undefined });
    await rejoin('west');
    await joinedBySnapshot('west');
    expect(await setAside('west')).toHaveLength(1);
  });

  it.each(['inconsistent', 'damaged'])(
    'is set aside also when the node was restarted while it rejoined: %s',
    async (state) => {
      await condemned();
      await cluster.stopNode('west');
      if (state === 'damaged') {
        // Damage that a store does not show when it opens.
        cluster.disk('west').overwrite(condemnedKey, undefined);
        cluster.disk('west').flipBit(dataKey(key('key 0')), -1);
      }
      await cluster.startNode('west');
      await eventually(() => expect(cluster.status('west').position).toBeGreaterThan(0));
      await cluster.service('west').read([key('key 0')], local);
      await eventually(() => expect(cluster.status('west').state).toBe(state));
      await write('beyond the copy that is given up');
      await cluster.settled(['home', 'east']);
      holdTransfers('west');
      await rejoin('west');
      await waitsForTransfer('west');
      for (const donor of ['home', 'east']) cluster.network.passOn(donor, 'west', 'transfer', 1);
      await eventually(() => expect(cluster.status('west').join?.phase).toBe('copying'));
      await cluster.stopNode('west');
      for (const donor of ['home', 'east']) cluster.network.drop(donor, 'west', 'transfer');
      await cluster.startNode('west');
      await joinedBySnapshot('west');
      expect(await setAside('west')).toHaveLength(1);
      expect(await cluster.stateHashes()).toHaveLength(1);
    },
  );

  it('is given to nobody any more, also not what is left of a transfer', async () => {
    const nodes = ['home', 'east', 'north', 'south', 'west'];
    cluster = await InProcessCluster.start({ nodes, regions: { west: 'east' } });
    await write('a');
    await cluster.settled();
    await cluster.stopNode('east');
    const disk = cluster.disk('east');
    const at = dataKey(key('a'));
    const wrong = { ...decodeData(at, disk.read(at)!), expiresAtMs: 12345 };
    disk.overwrite(at, dataRow(key('a'), wrong).value);
    await cluster.startNode('east');
    await cluster.writable();
    await leaveBehind('west');
    holdTransfers('west');
    await cluster.startNode('west');
    // East, whose copy is wrong, is the nearest.
    await waitsForTransfer('west');
    expect(cluster.status('west').join?.donor).toBe('east');
    valueOf(await cluster.parts('home').check.check());
    await eventually(() => expect(cluster.status('east').state).toBe('inconsistent'), within);
    cluster.network.releaseAll();
    await joinedBySnapshot('west');
    const hashOf = async (node: string) => valueOf(await cluster.keyspace(node).stateHash());
    await cluster.settled(['west']);
    expect(await hashOf('west')).toEqual(await hashOf('home'));
  });
});

it('a copy in which damage was found waits for the operator, also when entries no longer bring it up', async () => {
  const warned: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (_, message) => warned.push(message),
    child: () => logger,
  };
  cluster = await InProcessCluster.start({ logger });
  await write('a');
  await cluster.settled();
  await cluster.stopNode('west');
  cluster.disk('west').flipBit(dataKey(key('a')), -1);
  await cluster.startNode('west');
  await cluster.writable();
  await cluster.cutOff('west');
  await writeMany(20);
  await cluster.settled(['home', 'east']);
  for (const node of ['home', 'east']) {
    const { store } = cluster.parts(node);
    await store.trim(logPosition(store.head.position));
  }
  await cluster.service('west').read([key('a')], local);
  expect(cluster.status('west').state).toBe('damaged');
  cluster.network.heal();
  await eventually(() => expect(warned).toContain(replacedByRejoin), within);
  expect(cluster.status('west')).toMatchObject({ state: 'damaged', join: undefined });
  await rejoin('west');
  await joinedBySnapshot('west');
  expect(await setAside('west')).toHaveLength(1);
});

describe('a disk that fails at one moment', () => {
  it('when the copy in its place is opened: it is opened again', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(3);
    await leaveBehind('west');
    const place = cluster.place('west');
    const exchange = place.exchange.bind(place);
    place.exchange = async (options) => {
      const name = await exchange(options);
      place.current.openFaults.push(new Error('no space left on device'));
      return name;
    };
    await cluster.startNode('west');
    await joinedBySnapshot('west');
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('and never again holds nobody up who orders another copy', async () => {
    cluster = await InProcessCluster.start();
    await writeMany(3);
    await leaveBehind('west');
    const place = cluster.place('west');
    const exchange = place.exchange.bind(place);
    place.exchange = async (options) => {
      const name = await exchange(options);
      const faults = Array.from({ length: 1000 }, () => new Error('input/output error'));
      if (place.exchanges === 1) place.current.openFaults.push(...faults);
      return name;
    };
    await cluster.startNode('west');
    await eventually(() => expect(cluster.status('west').detail).toMatch(/cannot be opened/), within);
    await rejoin('west');
    await joinedBySnapshot('west');
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('when a home that could not be recovered is opened again: it is opened once more', async () => {
    cluster = await InProcessCluster.start({ nodes: ['home', 'east'] });
    await writeMany(3);
    await cluster.stopNode('east');
    await cluster.stopNode('home');
    await cluster.startNode('home');
    const { uuid } = cluster.status('home');
    const disk = cluster.disk('home');
    disk.openFaults.push(new Error('no space left on device'), new Error('no space left on device'));
    const refused = await cluster.admin('home').recover({ without: ['east'] });
    expect(refused).toMatchObject({ ok: false, failure: { code: 'INTERNAL', outcome: 'unknown' } });
    await cluster.writable(['home']);
    expect(cluster.status('home').uuid).toBe(uuid);
  });
});

it("the operator's word holds through a restart: a copy that is ahead of the log is given up", async () => {
  cluster = await InProcessCluster.start({ nodes: ['home', 'west'] });
  await writeMany(3);
  await cluster.settled();
  await cluster.stopNode('home');
  const older = copyOf(cluster.disk('home'));
  await cluster.startNode('home');
  await cluster.writable();
  await writeMany(5);
  await cluster.settled();
  await cluster.stopNode('home');
  cluster.replaceDisk('home', older);
  await cluster.startNode('home');
  await eventually(() => expect(cluster.status('home').detail).toMatch(/ahead of the log/));
  holdTransfers('west');
  await rejoin('west');
  await waitsForTransfer('west');
  cluster.network.passOn('home', 'west', 'transfer', 1);
  await eventually(() => expect(cluster.status('west').join?.phase).toBe('copying'));
  await cluster.stopNode('west');
  cluster.network.drop('home', 'west', 'transfer');
  await cluster.startNode('west');
  await joinedBySnapshot('west');
  expect(await setAside('west')).toHaveLength(1);
  const read = valueOf(await cluster.service('west').read([key('key 0')], local));
  expect(read.values.map(textOf)).toEqual(['value']);
});
