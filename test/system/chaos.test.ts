import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Key } from '../../src/model/keys.js';
import type { Seen } from '../simulation/workload/observed.js';
import type { SeededRandom } from '../simulation/world/seeded-random.js';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { HttpClient } from '../support/http-client.js';
import { endpointsOf } from '../support/sdk-endpoints.js';
import { connectApp } from './chaos/apps.js';
import { beApp, beClient } from './chaos/clients.js';
import { killNodes } from './chaos/kills.js';
import { readLog } from './chaos/logs.js';
import { sendOneShot } from './chaos/one-shots.js';
import { ChaosRun, keyspaces, transactionPath, verdictOf, type Keyspace, type Region } from './chaos/run.js';
import { judgeLog, judgeState } from './chaos/verdicts.js';
import { keyOf, seenOf } from './chaos/wire.js';
import { opening } from './chaos/workload.js';

const seed = process.env['CHAOS_SEED'] ?? 'three regions, one order';
/** The storm lasts for `seconds`, on a slow machine longer: until the counts are reached, or in vain. */
const wanted = { seconds: 60, secondsMax: 180, commits: 5000, appCommits: 200, kills: 30, homeKills: 10 };
/** Raw HTTP to the region's node, and apps on the SDK, which fail over and wait for a home that is down. */
const clientsPerRegion = { http: 8, apps: 4 };

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster.discard());

it('loses, doubles and invents nothing while nodes are killed under random transactions', async () => {
  const run = new ChaosRun(
    seed,
    cluster.nodes.map(({ region, httpUrl }) => ({ id: region, http: new HttpClient(httpUrl) })),
  );
  for (const keyspace of keyspaces) await open(run, keyspace);
  await storm(run);
  await cluster.ready();
  await askAgain(run);
  const states = new Map<Keyspace, ReadonlyMap<Key, Seen>>();
  for (const keyspace of keyspaces) {
    await sameHashEverywhere(run, keyspace);
    states.set(keyspace, await wholeState(run.regions[2]!, keyspace));
  }
  const problems = keyspaces.flatMap((keyspace) => judgeState(run, keyspace, states.get(keyspace)!));
  await cluster.stop();
  for (const keyspace of keyspaces) {
    const logs = await Promise.all(
      cluster.nodes.map(({ id }) => readLog(join(cluster.dataDirectory, id), keyspace)),
    );
    for (const log of logs) expect(Buffer.concat(log).equals(Buffer.concat(logs[0]!))).toBe(true);
    problems.push(...judgeLog(run, keyspace, logs[0]!, states.get(keyspace)!));
  }
  const summary = `seed ${JSON.stringify(seed)}: ${JSON.stringify(Object.fromEntries([...run.history.counts].sort()))}`;
  process.stdout.write(`${summary}\n`);
  expect([...run.history.violations, ...problems], summary).toEqual([]);
  expect(died(), summary).toEqual([]);
  expect(run.count('committed'), summary).toBeGreaterThanOrEqual(wanted.commits);
  expect(run.count('committed by apps'), summary).toBeGreaterThanOrEqual(wanted.appCommits);
  expect(run.count('kills'), summary).toBeGreaterThanOrEqual(wanted.kills);
  for (const { id } of cluster.nodes) expect(run.count(`kills of ${id}`), summary).toBeGreaterThanOrEqual(3);
  expect(run.count('kills of a home with commits in flight'), summary).toBeGreaterThanOrEqual(
    wanted.homeKills,
  );
  expect(run.count('unknown, then committed'), summary).toBeGreaterThanOrEqual(1);
  expect(run.count('unknown, then not-committed'), summary).toBeGreaterThanOrEqual(1);
  expect(run.count('causal reads'), summary).toBeGreaterThanOrEqual(1);
  expect(run.count('token reads'), summary).toBeGreaterThanOrEqual(1);
});

async function open(run: ChaosRun, keyspace: Keyspace): Promise<void> {
  run.anonymous.set(keyspace, []);
  const place = { region: run.regions[0]!, keyspace };
  const shot = { isolation: 'serializable' as const, mutations: opening() };
  expect(await sendOneShot(run, place, shot, run.random.fork('opening'))).toMatchObject({
    kind: 'committed',
  });
}

/** Transactions from every region and kills, for the time and until the counts that the test wants are reached. */
async function storm(run: ChaosRun): Promise<void> {
  const beganMs = performance.now();
  const endpoints = endpointsOf(cluster);
  const apps = await Promise.all(
    run.regions.map((_, i) => connectApp([...endpoints.slice(i), ...endpoints.slice(0, i)])),
  );
  const clients = run.regions.flatMap((region, at) => {
    const each = (kind: 'http' | 'apps', be: (random: SeededRandom) => Promise<void>) =>
      Array.from({ length: clientsPerRegion[kind] }, (_, i) =>
        be(run.random.fork(`${region.id} ${kind} ${i}`)),
      );
    return [
      ...each('http', (random) => beClient(run, region, random)),
      ...each('apps', (random) => beApp(run, { region, app: apps[at] }, random)),
    ];
  });
  const killer = killNodes(run, cluster, run.random.fork('kills'));
  const isDone = (): boolean => {
    const seconds = (performance.now() - beganMs) / 1000;
    if (seconds >= wanted.secondsMax || run.history.violations.length > 0) return true;
    const isEnough =
      run.count('committed') >= wanted.commits &&
      run.count('committed by apps') >= wanted.appCommits &&
      run.count('kills') >= wanted.kills &&
      run.count('kills of a home with commits in flight') >= wanted.homeKills;
    return isEnough && seconds >= wanted.seconds;
  };
  await eventually(isDone, { withinMs: 2 * wanted.secondsMax * 1000, everyMs: 100 });
  run.stopping = true;
  await Promise.all([killer, ...clients]);
  await run.settled();
  for (const app of apps) app.close();
}

/** Every id whose outcome was unknown once has the same outcome in every region, for ever. */
async function askAgain(run: ChaosRun): Promise<void> {
  for (const { sent, traceless } of run.written.filter(({ unknown }) => unknown)) {
    for (const { http } of run.regions) {
      const path = transactionPath(sent.keyspace, sent.id, traceless ? '/rollback' : '');
      const method = traceless ? 'POST' : 'GET';
      const verdict = verdictOf(await eventually(() => http.ask({ method, path }), { what: path }));
      if (verdict.kind !== 'unknown') run.note(sent, verdict);
      else run.history.violations.push(`${sent.id} is unknown again`);
    }
  }
}

async function sameHashEverywhere(run: ChaosRun, keyspace: Keyspace): Promise<void> {
  await eventually(
    async () => {
      const path = `/v1/keyspaces/${keyspace}/state-hash`;
      const hashes = await Promise.all(run.regions.map(({ http }) => http.json({ path })));
      return new Set(hashes.map(({ hash, gtid }) => `${hash} ${gtid}`)).size === 1;
    },
    { withinMs: 30_000, everyMs: 100, what: `one hash of ${keyspace} in all regions` },
  );
}

async function wholeState({ http }: Region, keyspace: Keyspace): Promise<ReadonlyMap<Key, Seen>> {
  const state = new Map<Key, Seen>();
  let cursor: string | undefined;
  do {
    const query = `limit=1000&encoding=base64${cursor === undefined ? '' : `&cursor=${cursor}`}`;
    const page = await http.json({ path: `/v1/keyspaces/${keyspace}/keys?${query}` });
    for (const entry of page.entries) state.set(keyOf(entry), seenOf(entry));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return state;
}

/** Nodes that ended without having been killed. */
function died(): string[] {
  return cluster.events.flatMap((event) => (event.kind === 'died' ? [JSON.stringify(event)] : []));
}
