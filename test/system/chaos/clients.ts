import type { SeededRandom } from '../../simulation/world/seeded-random.js';
import type { TestCluster } from '../../support/cluster.js';
import { eventually } from '../../support/eventually.js';
import { endpointsOf } from '../../support/sdk-endpoints.js';
import { connectApp } from './apps.js';
import type { Place } from './work.js';
import { keyspaces, type ChaosRun, type Keyspace, type Region } from './run.js';
import { work } from './workload.js';

/** Where no COMMIT was taken lately, per run. */
const closed = new WeakMap<ChaosRun, Set<string>>();

export interface Clients {
  /** The run is stopping from now on. Resolves when every client has ended, and every outcome is known. */
  settle(): Promise<void>;
}

/** Starts raw HTTP clients of each region's node, and apps on the SDK, of their region's node first, that fail over. */
export async function startClients(
  run: ChaosRun,
  cluster: TestCluster,
  perRegion: { readonly http: number; readonly apps: number },
): Promise<Clients> {
  const endpoints = endpointsOf(cluster);
  const apps = await Promise.all(
    run.regions.map((_, i) => connectApp([...endpoints.slice(i), ...endpoints.slice(0, i)])),
  );
  const clients = run.regions.flatMap((region, at) => {
    const each = (kind: 'http' | 'apps', be: (random: SeededRandom) => Promise<void>) =>
      Array.from({ length: perRegion[kind] }, (_, i) => be(run.random.fork(`${region.id} ${kind} ${i}`)));
    return [
      ...each('http', (random) => beClient(run, region, random)),
      ...each('apps', (random) => beApp(run, { region, app: apps[at] }, random)),
    ];
  });
  return {
    settle: async () => {
      run.stopping = true;
      await Promise.all(clients);
      await run.settled();
      for (const app of apps) app.close();
    },
  };
}

/** One app of one region on the SDK, wherever that finds a node: one transaction after another, until the run stops. */
async function beApp(run: ChaosRun, place: Omit<Place, 'keyspace'>, random: SeededRandom) {
  while (!run.stopping) await work(run, { ...place, keyspace: random.pick(keyspaces) }, random);
}

/** One client of one region: one transaction after another, in keyspaces that take writes, until the run stops. */
async function beClient(run: ChaosRun, region: Region, random: SeededRandom): Promise<void> {
  const shut = closed.get(run) ?? new Set<string>();
  closed.set(run, shut);
  const openNow = (): Keyspace[] => keyspaces.filter((keyspace) => !shut.has(`${region.id} ${keyspace}`));
  while (!run.stopping) {
    await eventually(() => run.stopping || openNow().length > 0, {
      withinMs: 150_000,
      what: `a writable ${region.id}`,
    });
    if (run.stopping) return;
    const keyspace = random.pick(openNow());
    const verdict = await work(run, { region, keyspace }, random);
    if (verdict === undefined || (verdict !== 'read' && verdict.kind === 'unknown'))
      leave(run, { region, keyspace }, shut);
  }
}

/** The place is tried again when its node says that it would take writes. */
function leave(run: ChaosRun, { region, keyspace }: Place, shut: Set<string>): void {
  const name = `${region.id} ${keyspace}`;
  if (shut.has(name)) return;
  shut.add(name);
  const isReady = async (): Promise<boolean> => {
    const path = `/readyz?for=write&keyspace=${keyspace}`;
    const answer = await region.http.send({ path, timeoutMs: 1000 });
    if (run.stopping || (answer.kind === 'reply' && answer.status === 200)) return true;
    throw new Error(answer.kind === 'reply' ? answer.bytes.toString() : answer.message);
  };
  const reopened = eventually(isReady, {
    withinMs: 150_000,
    everyMs: 50,
    what: `${name} to take writes again`,
  });
  run.inBackground(reopened.then(() => void shut.delete(name)));
}
