import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { HttpClient } from '../support/http-client.js';
import { startClients } from './chaos/clients.js';
import { closingProblems, died, openAll, summaryOf } from './chaos/closing.js';
import { killNodes } from './chaos/kills.js';
import { ChaosRun } from './chaos/run.js';

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
  await openAll(run);
  await storm(run);
  await cluster.ready();
  const problems = await closingProblems(run, cluster);
  const summary = summaryOf(run);
  process.stdout.write(`${summary}\n`);
  expect(problems, summary).toEqual([]);
  expect(died(cluster), summary).toEqual([]);
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

/** Transactions from every region and kills, for the time and until the counts that the test wants are reached. */
async function storm(run: ChaosRun): Promise<void> {
  const beganMs = performance.now();
  const clients = await startClients(run, cluster, clientsPerRegion);
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
  await killer;
  await clients.settle();
}
