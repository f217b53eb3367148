import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { leaderOf } from '../../src/local/etcd/etcd-member.js';
import type { LocalNode } from '../../src/local/local-node.js';
import type { SeededRandom } from '../simulation/world/seeded-random.js';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { HttpClient } from '../support/http-client.js';
import { startClients } from './chaos/clients.js';
import { closingProblems, died, openAll, summaryOf } from './chaos/closing.js';
import { sendOneShot } from './chaos/one-shots.js';
import { readCausally } from './chaos/reads.js';
import { ChaosRun, keyspaces, type Keyspace, type Region } from './chaos/run.js';

const seed = process.env['FAILOVER_SEED'] ?? 'whoever orders';
const clientsPerRegion = { http: 4, apps: 2 };
/** Commits in every keyspace between two faults. */
const someCommits = 20;
/** Requests that wait at the process that stands still, when it goes on. */
const probes = 30;
/** Requests that wait at the process that is killed. */
const unread = 4;
/** For a broken system; a role is lost and found again within seconds. */
const withinMs = 60_000;

let cluster: TestCluster;

beforeAll(async () => {
  await promisify(execFile)(process.execPath, ['scripts/install-etcd.mjs']);
  cluster = await startTestCluster({ etcd: {} });
});
afterAll(() => cluster.discard());

it('with the log on etcd, loses and invents nothing when its sequencer dies, etcd its leader, a sequencer outlives its lease', async () => {
  const run = new ChaosRun(
    seed,
    cluster.nodes.map(({ region, httpUrl }) => ({ id: region, http: new HttpClient(httpUrl) })),
  );
  await openAll(run);
  const clients = await startClients(run, cluster, clientsPerRegion);
  const home = cluster.node(cluster.config.keyspaces.find(({ name }) => name === 'default')!.node);
  await commitsEverywhere(run);
  await sequencedBy(run, 'default', home);

  await killSequencer(run, home);
  await commitsEverywhere(run);

  await killEtcdLeader(run);
  await commitsEverywhere(run);

  await pauseSequencer(run, home);
  await sequencedBy(run, 'default', home);
  await commitsEverywhere(run);

  await clients.settle();
  await cluster.ready();
  const problems = await closingProblems(run, cluster);
  const summary = summaryOf(run);
  process.stdout.write(`${summary}\n`);
  expect(problems, summary).toEqual([]);
  expect(died(cluster), summary).toEqual([]);
  expect(run.count('unknown'), summary).toBeGreaterThanOrEqual(1);
  expect(run.count('causal reads'), summary).toBeGreaterThanOrEqual(1);
  expect(run.count('probes answered'), summary).toBe(probes);
});

/**
 * With COMMITs on their way to it, some of which it has not read. Another region's node takes over; started again, it takes
 * its role back in order.
 */
async function killSequencer(run: ChaosRun, home: LocalNode): Promise<void> {
  await eventually(() => run.inFlightAt(home.region) > 0, { withinMs, everyMs: 1 });
  home.pause();
  const region = regionOf(run, home);
  for (let i = 0; i < unread; i++) run.inBackground(commitAt(run, region, run.random.fork(`unread ${i}`)));
  await commits(run, 'eu', 3);
  await home.kill();
  await commits(run, 'default');
  await home.start();
  await sequencedBy(run, 'default', home);
}

async function killEtcdLeader(run: ChaosRun): Promise<void> {
  const leader = await eventually(async () => (await leaderOf(cluster.etcd)) ?? false, { withinMs });
  await leader.kill();
  await commitsEverywhere(run);
  await leader.start();
}

/** Past its lease. What has gathered before it is what it does first when it goes on: none of it in its old role. */
async function pauseSequencer(run: ChaosRun, home: LocalNode): Promise<void> {
  await eventually(() => run.inFlightAt(home.region) > 0, { withinMs, everyMs: 1 });
  home.pause();
  await commits(run, 'default');
  const region = regionOf(run, home);
  const asked = Array.from({ length: probes }, (_, i) => probe(run, region, i));
  await commits(run, 'default');
  home.resume();
  await Promise.all(asked);
}

/** What it is told goes into the run's record, which is judged. */
async function probe(run: ChaosRun, region: Region, i: number): Promise<void> {
  const random = run.random.fork(`probe ${i}`);
  if (i % 2 === 0) await readCausally(run, { region, keyspace: 'default' }, random);
  else await commitAt(run, region, random);
  run.history.count('probes answered');
}

async function commitAt(run: ChaosRun, region: Region, random: SeededRandom): Promise<void> {
  const place = { region, keyspace: 'default' as const };
  await sendOneShot(run, place, { isolation: 'serializable', mutations: [] }, random);
}

function regionOf(run: ChaosRun, node: LocalNode): Region {
  return run.regions.find(({ id }) => id === node.region)!;
}

async function commitsEverywhere(run: ChaosRun): Promise<void> {
  await Promise.all(keyspaces.map((keyspace) => commits(run, keyspace)));
}

async function commits(run: ChaosRun, keyspace: Keyspace, count = someCommits): Promise<void> {
  const before = run.committedIn(keyspace);
  const moved = (): boolean => run.committedIn(keyspace) >= before + count;
  await eventually(moved, { withinMs, everyMs: 20, what: `commits in ${keyspace}` });
}

async function sequencedBy(run: ChaosRun, keyspace: Keyspace, node: LocalNode): Promise<void> {
  const isIt = async (): Promise<void> => {
    for (const { http } of run.regions) {
      const { keyspaces: all } = await http.json({ path: '/v1/keyspaces' });
      const found = all.find(({ name }: { name: string }) => name === keyspace);
      expect(found.sequencer, `the sequencer of ${keyspace}`).toBe(node.id);
    }
  };
  await eventually(isIt, { withinMs, everyMs: 50, what: `${node.id} at work` });
}
