import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { failureOf, key, oneShot, put, valueOf } from '../../test/support/requests.js';
import { steerLimits } from '../../test/support/steered-limits.js';
import { gtid } from '../model/gtid.js';
import { seqno } from '../model/ids.js';
import { defaultRetention } from '../model/retention.js';

const kib = 1024;
// A store that counts finely what it keeps, so that small worlds trim.
const blockBytes = 4 * kib;
const steeredBack = steerLimits({ keptBlockBytes: blockBytes, keptSpanMs: 1000 });
afterAll(steeredBack);

const retention = {
  ...defaultRetention,
  entriesBytesMin: 40 * kib,
  entriesBytesMax: 120 * kib,
  outcomesMsMin: 2000,
  outcomesMsMax: 20_000,
};
/** What entries take at the most when all nodes hold them, and when one does not: blocks are dropped whole. */
const [whenHeld, atTheMost] = [retention.entriesBytesMin, retention.entriesBytesMax].map(
  (bytes) => bytes + blockBytes,
) as [number, number];

let cluster: InProcessCluster;
beforeEach(async () => {
  cluster = await InProcessCluster.start({ retention, speed: 10 });
});
afterEach(() => cluster.stop());

const within = { withinMs: 15_000 };
const value = 'v'.repeat(2 * kib);
const write = async (kibibytes: number) => {
  for (let n = 0; n < kibibytes / 2; n++) {
    const request = oneShot({ mutations: [put(`k${n % 10}`, value)] });
    valueOf(await cluster.keyspace('home').transact(request));
  }
};
const kept = (node: string) => cluster.parts(node).store.kept;
const diskBytes = (node: string): number => {
  const disk = cluster.disk(node);
  return disk.keys().reduce((sum, at) => sum + at.length + disk.read(at)!.length, 0);
};
/** Seconds of the cluster's clocks. */
const pass = async (seconds: number) => {
  const untilMs = cluster.runtime.clock.monotonicMs() + seconds * 1000;
  await eventually(() => cluster.runtime.clock.monotonicMs() >= untilMs, within);
};

it('what is kept beside the data stays flat under endless writes, in memory and on disk', async () => {
  for (let round = 0; round < 5; round++) {
    await write(160);
    for (const node of ['home', 'east', 'west']) {
      await eventually(() => expect(kept(node).entriesBytes).toBeLessThan(whenHeld), within);
      expect(diskBytes(node)).toBeLessThan(whenHeld + 100 * kib);
    }
  }
  await pass(25);
  // The floor is logged, and followed at the next look.
  await write(20);
  for (const node of ['home', 'east', 'west'])
    await eventually(() => expect(kept(node).outcomes).toBeLessThan(150), within);
  expect(await cluster.stateHashes()).toHaveLength(1);
});

it('a dead node holds nothing open above the bound, and is waited for below it', async () => {
  await write(20);
  await cluster.settled();
  const held = cluster.parts('west').store.head.position;
  await cluster.stopNode('west');
  await write(80);
  await pass(5);
  expect(kept('home').oldestPosition).toBeLessThanOrEqual(held + 1);
  await write(160);
  for (const node of ['home', 'east'])
    await eventually(() => expect(kept(node).entriesBytes).toBeLessThan(atTheMost), within);
  expect(kept('home').oldestPosition).toBeGreaterThan(held + 1);
  expect(kept('home').entriesBytes).toBeGreaterThan(whenHeld);
});

it('a node that is alive and slow is waited for, and then no longer', async () => {
  await cluster.settled();
  cluster.network.hold('home', 'west', 'entries');
  const held = cluster.parts('west').store.head.position;
  await write(80);
  await pass(5);
  expect(kept('home').oldestPosition).toBeLessThanOrEqual(held + 1);
  cluster.network.releaseAll();
  await cluster.settled();
  await eventually(() => expect(kept('home').entriesBytes).toBeLessThan(whenHeld), within);
});

describe('what is no longer kept', () => {
  it('of an id is unknown, and a copy of it is refused as too old', async () => {
    const request = { mutations: [put('once')], mayBeRetry: true };
    const { transactionId: id } = valueOf(await cluster.keyspace('east').transact(oneShot(request)));
    await pass(25);
    await write(20);
    await cluster.settled();
    for (const node of ['home', 'east', 'west']) {
      await eventually(() => cluster.keyspace(node).transactionState(id).state === 'unknown', {
        withinMs: 20_000,
      });
      const refused = failureOf(await cluster.keyspace(node).transact(oneShot({ ...request, id })));
      expect(refused).toMatchObject({ code: 'TRANSACTION_ID_TOO_OLD', outcome: 'unknown' });
      const unresolved = failureOf(await cluster.keyspace(node).rollback(id));
      expect(unresolved).toMatchObject({ code: 'TRANSACTION_ID_TOO_OLD', outcome: 'unknown' });
    }
  });

  it('of entries ends the change feeds that begin there', async () => {
    const everything = { start: key(''), end: undefined };
    const from = gtid(cluster.history, seqno(1));
    await write(160);
    await eventually(() => expect(kept('east').entriesBytes).toBeLessThan(whenHeld), within);
    const opened = cluster.keyspace('east').changes({ from, range: everything });
    expect(failureOf(opened)).toMatchObject({ code: 'CHANGES_TOO_OLD' });
  });
});

it('load whose outcomes do not fit is shed, answers to known ids are not, and it ends as time passes', async () => {
  await cluster.stop();
  const little = { ...retention, outcomesBytesMax: 4 * kib, outcomesMsMin: 60_000, outcomesMsMax: 90_000 };
  cluster = await InProcessCluster.start({ retention: little, speed: 10 });
  const known = oneShot({ mutations: [put('known')], mayBeRetry: true });
  const { transactionId: id, seqno: at } = valueOf(await cluster.keyspace('east').transact(known));
  const attempt = () => cluster.keyspace('east').transact(oneShot({ mutations: [put('more')] }));
  let last = await attempt();
  while (last.ok) last = await attempt();
  expect(last.failure).toMatchObject({ code: 'OVERLOADED', outcome: 'not-committed' });
  expect(last.failure.message).toContain(`their bound of ${4 * kib} bytes`);
  expect(valueOf(await cluster.keyspace('west').transact({ ...known, id })).seqno).toBe(at);
  for (const node of ['home', 'east', 'west'])
    expect(kept(node).outcomesBytes).toBeLessThan(little.outcomesBytesMax + kib);
  await eventually(async () => (await attempt()).ok, within);
  for (const node of ['home', 'east', 'west'])
    expect(kept(node).outcomesBytes).toBeLessThan(little.outcomesBytesMax + kib);
});
