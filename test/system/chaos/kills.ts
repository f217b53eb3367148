import type { LocalNode } from '../../../src/local/local-node.js';
import type { SeededRandom } from '../../simulation/world/seeded-random.js';
import type { TestCluster } from '../../support/cluster.js';
import { eventually } from '../../support/eventually.js';
import { keyspaces, type ChaosRun, type Keyspace } from './run.js';

/** Kills nodes with SIGKILL, mostly one, now and then more at once, and starts each again at once, until the run stops. */
export async function killNodes(run: ChaosRun, cluster: TestCluster, random: SeededRandom): Promise<void> {
  let waiting: LocalNode[] = [];
  while (!run.stopping) {
    await someCommits(run, random.between(10, 60));
    if (run.stopping) return;
    // All in turn, in an order that changes: each is killed as often as the others.
    if (waiting.length === 0) waiting = shuffled(cluster.nodes, random);
    const first = waiting.pop()!;
    const others = cluster.nodes.filter((node) => node !== first).slice(0, random.pick([0, 0, 0, 1, 1, 2]));
    if (random.chance(0.8)) await commitsInFlight(run, homedAt(cluster, first.id), first.region);
    await Promise.all([first, ...others].map((node) => killOne(run, node, homedAt(cluster, node.id))));
  }
}

async function killOne(run: ChaosRun, node: LocalNode, keyspace: Keyspace): Promise<void> {
  const hit = run.inFlight(keyspace, node.region);
  const killed = node.kill();
  run.history.count('kills');
  run.history.count(`kills of ${node.id}`);
  if (hit > 0) run.history.count('kills of a home with commits in flight');
  await killed;
  await node.start();
}

function shuffled<T>(all: readonly T[], random: SeededRandom): T[] {
  return all
    .map((one) => ({ one, at: random.fraction() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

function homedAt(cluster: TestCluster, node: string): Keyspace {
  const found = cluster.config.keyspaces.find((one) => one.node === node)?.name;
  return keyspaces.find((name) => name === found)!;
}

/** Paces the kills by what the cluster achieves between them; goes on without it when nothing moves. */
async function someCommits(run: ChaosRun, commits: number): Promise<void> {
  const before = run.count('committed');
  const moved = (): boolean => run.stopping || run.count('committed') >= before + commits;
  await eventually(moved, { withinMs: 1500 }).catch(() => undefined);
}

/** From another region than the one that is killed: that they are lost is the home's doing alone. */
async function commitsInFlight(run: ChaosRun, keyspace: Keyspace, region: string): Promise<void> {
  const flying = (): boolean => run.stopping || run.inFlight(keyspace, region) > 0;
  await eventually(flying, { withinMs: 1000, everyMs: 1 }).catch(() => undefined);
}
