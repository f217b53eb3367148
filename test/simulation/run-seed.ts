import { keyFromText } from '../../src/model/keys.js';
import { beyondBounds } from './checks/bounds.js';
import { Copies } from './checks/copies.js';
import { finalChecks } from './checks/final-checks.js';
import { Places } from './checks/places.js';
import { Client } from './workload/client.js';
import { History } from './workload/history.js';
import { submitOneShot } from './workload/one-shots.js';
import { Operator } from './workload/operator.js';
import { Workload } from './workload/workload.js';
import type { Counts } from './world/counts.js';
import { Faults } from './world/faults.js';
import { SeededRandom } from './world/seeded-random.js';
import type { Wraps } from './world/wraps.js';
import { steer } from './world/steering.js';
import { keyspaceNames, Stuck, World } from './world/world.js';

/** A run is at least this long and this eventful, and not much longer. */
const runMsMin = 60_000;
const transactionsMin = 2000;
const faultsMin = 5;
const runMsMax = 480_000;
/** After the last fault: until every client knows its outcomes, and until new commits succeed. */
const settleMsMax = 60_000;
const serveMsMax = 30_000;
/** For a commit from a region whose streams may still be those of before the last crash, until the keepalive. */
const commitMsMax = 10_000;
const convergeMsMax = 10_000;
/** For a check of every keyspace, and again once the copies that it finds damaged are replaced. */
const checkMsMax = 60_000;
/** A feed whose node died without a word is silent for some time before it goes on elsewhere. */
const showMsMax = 60_000;

export interface SeedReport {
  readonly seed: number;
  /** What does not hold; empty: all is well. */
  readonly problems: readonly string[];
  readonly counts: Counts;
  /** Hash of everything that happened. */
  readonly digest: string;
  readonly trace: (lines: number) => readonly string[];
}

/** One world, from its beginning to the checks. */
export async function runSeed(seed: number, wraps?: Wraps): Promise<SeedReport> {
  const unsteer = steer(new SeededRandom(`seed ${seed}/limits`));
  const world = new World(seed, { wraps, wantsEtcd: process.env['LOG'] === 'etcd' });
  const history = new History(world.counts);
  const places = new Places();
  const problems: string[] = [];
  const undo = catchStrayRejections((error) => problems.push(`nobody caught: ${describe(error)}`));
  try {
    await world.run(async () => {
      await scenario(world, history, places).catch((error: unknown) => problems.push(describe(error)));
      problems.push(...(await finalChecks(world, history, places)));
    });
  } catch (error) {
    problems.push(...history.violations, describe(error));
  } finally {
    world.end();
    undo();
    unsteer();
  }
  const trace = (lines: number): readonly string[] => world.trace.last(lines);
  return { seed, problems, counts: world.counts, digest: world.trace.digest(), trace };
}

async function scenario(world: World, history: History, places: Places): Promise<void> {
  await world.start();
  const workload = new Workload(world, history, (1000 * transactionsMin) / runMsMin);
  const faults = new Faults(world);
  workload.start();
  faults.start();
  world.spawn(watchNodes(world, history, places));
  world.spawn(new Operator(world, history).run());
  await world.delay(runMsMin);
  const isEventful = (): boolean =>
    world.counts.of('transactions') >= transactionsMin && world.counts.of('faults') >= faultsMin;
  await world.until('the run is of full size', isEventful, runMsMax);
  faults.end();
  workload.stop();
  await world.until('every node serves writes again', () => world.allWritable(), serveMsMax);
  await world.until('every client knows its outcomes', () => !workload.busy, settleMsMax);
  await newCommits(world, history);
  await world.until('a check of every keyspace finds it equal', equalEverywhere(world), checkMsMax);
  await world.until('no submission is pending', () => pending(world) === 0, settleMsMax);
  await world.until('watchers were shown everything', () => allShown(world, history), showMsMax);
  workload.end();
  await world.until('every region has applied everything', () => level(world), convergeMsMax);
}

async function watchNodes(world: World, history: History, places: Places): Promise<void> {
  const copies = new Copies(world);
  for (;;) {
    await world.delay(409);
    history.violations.push(...beyondBounds(world), ...places.note(world), ...copies.note(world));
  }
}

/** From every region a commit to every keyspace succeeds, soon. */
async function newCommits(world: World, history: History): Promise<void> {
  for (const nearest of world.nodes) {
    const client = new Client(world, history, { name: `last of ${nearest.id}`, nearest });
    client.careless = false;
    const key = keyFromText(`last of ${nearest.id}`);
    const set = {
      kind: 'set',
      key,
      bytes: Buffer.from('done'),
      contentType: 'text/plain',
      ttlMs: undefined,
    } as const;
    for (const keyspace of keyspaceNames) {
      const content = { isolation: 'serializable', reads: [], checks: [], mutations: [set] } as const;
      const endMs = world.time.nowMs + commitMsMax;
      while ((await submitOneShot(client, keyspace, content)) !== 'committed') {
        if (world.time.nowMs > endMs)
          throw new Stuck(`${client.name}: no commit to ${keyspace} succeeds after all faults`);
      }
    }
  }
}

/** Has each home ask for a check until one from now on has found all nodes equal; what is damaged is replaced meanwhile. */
function equalEverywhere(world: World): () => boolean {
  const asked = new Map<string, number>();
  let atMs = 0;
  return () => {
    const waiting = keyspaceNames.filter((name) =>
      world.nodes.some(({ running }) => {
        const { state, check } = running?.keyspace(name)?.status() ?? {};
        const isAsked = (check?.position ?? 0) >= (asked.get(name) ?? Infinity);
        return state !== 'synced' || check?.verdict !== 'equal' || !isAsked;
      }),
    );
    if (waiting.length > 0 && world.time.nowMs >= atMs) {
      atMs = world.time.nowMs + 4000;
      for (const name of waiting) {
        const asking = world.sequencerOf(name)?.running?.admin(name)?.check();
        void asking?.then((answer) => answer.ok && asked.set(name, answer.value.position));
      }
    }
    return waiting.length === 0;
  };
}

function pending(world: World): number {
  let sum = 0;
  for (const { running } of world.nodes) {
    for (const name of keyspaceNames) sum += running?.keyspaceNode(name)?.commits.size ?? 0;
  }
  return sum;
}

function allShown(world: World, { watched }: History): boolean {
  return watched.every(({ keyspace, position, isOver }) => {
    if (isOver) return true;
    const heads = world.nodes.map(({ running }) => running?.keyspaceNode(keyspace)?.store.head.seqno);
    return heads.every((seqno) => seqno !== undefined && position >= seqno);
  });
}

function level(world: World): boolean {
  return keyspaceNames.every((name) => {
    const positions = world.nodes.map(({ running }) => running?.keyspaceNode(name)?.store.head.position);
    return new Set(positions).size === 1;
  });
}

function catchStrayRejections(take: (error: unknown) => void): () => void {
  process.on('unhandledRejection', take);
  return () => process.off('unhandledRejection', take);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
