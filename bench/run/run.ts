import { mkdir } from 'node:fs/promises';
import { layLoopback } from '../beds/loopback.js';
import { layNamespaces } from '../beds/namespaces.js';
import { operationsThatWrite, type Network, type Point, type Protocol } from '../model.js';
import type { PointResult } from '../results.js';
import type { Bed } from '../systems/system.js';
import { LoadProcess } from './load-process.js';
import { measure } from './measure.js';
import type { Undo } from './undo.js';

export interface Plan {
  /** Every point with the protocols that run it. */
  readonly points: readonly PlannedPoint[];
  /** Beside the peers: in network namespaces, every system up at a time. */
  readonly peers: boolean;
  readonly rounds: number;
  readonly warmUpS: number;
  readonly measuredS: number;
  readonly directory: string;
  readonly undo: Undo;
  readonly onResult: (result: PointResult, done: number, of: number) => void;
  /** What goes on between measurements, for who waits. */
  readonly onStage: (text: string) => void;
  readonly onVersion: (protocol: Protocol, version: string) => void;
}

export interface PlannedPoint {
  readonly point: Point;
  readonly protocols: readonly Protocol[];
}

const warmS = 2;
const warmClients = 48;
/** Above the numbers of measurements. */
const warmRun = 100_000;
const networks: readonly Network[] = ['lan', 'wan'];
const ofMeridian: readonly Protocol[] = ['http', 'grpc', 'sdk'];

/** Runs everything, and tells each result as it comes. */
export async function runPlan(plan: Plan): Promise<void> {
  await mkdir(plan.directory, { recursive: true });
  plan.onStage('starting…');
  const progress = {
    done: 0,
    of: plan.points.reduce((sum, { protocols }) => sum + protocols.length, 0) * plan.rounds,
  };
  const protocols = [...new Set(plan.points.flatMap((planned) => planned.protocols))];
  const common = plan.peers ? await layNamespaces(plan.directory, protocols, plan.undo) : undefined;
  if (common !== undefined) await prepare(common, protocols, plan);
  for (const network of networks) {
    const points = plan.points.filter(({ point }) => point.network === network);
    if (points.length === 0) continue;
    if (common !== undefined) {
      await common.setNetwork(network);
      await runPoints(common, points, plan, progress);
      continue;
    }
    const own = plan.undo.scope();
    const bed = await layLoopback(plan.directory, network, protocols, own);
    await prepare(bed, protocols, plan);
    await runPoints(bed, points, plan, progress);
    await own.run();
  }
}

async function prepare(bed: Bed, protocols: readonly Protocol[], plan: Plan): Promise<void> {
  plan.onStage('filling…');
  await fill(bed, protocols, plan);
  if (plan.warmUpS === 0) return;
  plan.onStage('warming up…');
  await warm(bed, protocols, plan);
}

/** So that the first point does not pay for what a server compiles when it is first asked; the same for every store. */
async function warm(bed: Bed, protocols: readonly Protocol[], { measuredS }: Plan): Promise<void> {
  const options = { bed, warmUpS: 0, measuredS: Math.min(measuredS, warmS), observer: undefined };
  const common = { scenario: 'warm-up', network: 'lan', clients: warmClients } as const;
  for (const protocol of protocols)
    if (protocol === 'fastify')
      await measure({ ...common, operation: 'get', place: 'near' }, protocol, { ...options, run: warmRun });
    else
      for (const [i, operation] of (['put', 'get', 'causal-get'] as const).entries())
        await measure({ ...common, operation, place: 'all' }, protocol, { ...options, run: warmRun + i });
}

/** Each store gets the same keys, and every node has them before the first measurement. */
async function fill(bed: Bed, protocols: readonly Protocol[], { onVersion }: Plan): Promise<void> {
  const filled = new Set<unknown>();
  for (const protocol of protocols) {
    const system = bed.system(protocol)!;
    onVersion(protocol, system.version);
    if (protocol === 'fastify' || filled.has(system)) continue;
    filled.add(system);
    const spoken = ofMeridian.includes(protocol) || protocol === 'meridian-etcd' ? 'http' : protocol;
    for (const region of ['us-east', 'eu-west', 'ap-south'] as const) {
      const address = system.address(spoken, region);
      const load = await LoadProcess.start({
        region,
        command: bed.commandIn(region),
        protocol: spoken,
        address,
        seed: 1,
      });
      try {
        if (spoken === 'http') await load.ask({ kind: 'await-writable' }, 'done');
        if (region === 'us-east') await load.ask({ kind: 'fill', keys: { kind: 'data' } }, 'done');
        else await load.ask({ kind: 'await-filled' }, 'done');
      } finally {
        await load.stop();
      }
    }
  }
}

/** Protocols take turns within every point, in the other order in every other round. */
async function runPoints(
  bed: Bed,
  points: readonly PlannedPoint[],
  plan: Plan,
  progress: { done: number; readonly of: number },
): Promise<void> {
  const observer = await observerOf(bed);
  for (const { point, protocols } of points)
    for (let round = 0; round < plan.rounds; round++)
      for (const protocol of round % 2 === 0 ? protocols : protocols.toReversed()) {
        const { warmUpS, measuredS } = plan;
        // Never that of the filled data: a store may pass over a write that changes nothing.
        const run = 1 + progress.done;
        const observes = ofMeridian.includes(protocol) && operationsThatWrite.includes(point.operation);
        const options = { bed, warmUpS, measuredS, observer: observes ? observer : undefined, run };
        const result = await measure(point, protocol, options);
        progress.done += 1;
        plan.onResult(result, progress.done, progress.of);
      }
  await observer?.stop();
}

async function observerOf(bed: Bed): Promise<LoadProcess | undefined> {
  const system = bed.system('http');
  if (system === undefined) return undefined;
  const region = 'us-east';
  const address = system.address('http', region);
  return LoadProcess.start({ region, command: bed.commandIn(region), protocol: 'http', address, seed: 0 });
}
