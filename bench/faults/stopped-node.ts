import { setTimeout as delay } from 'node:timers/promises';
import { regionNames, type RegionName } from '../model.js';
import { markdownTable, short } from '../report/table.js';
import { columns } from './overload.js';
import {
  appliedWithin,
  capacityOf,
  memoryOf,
  offer,
  setUp,
  viewOf,
  type Stand,
  type StandOptions,
} from './stand.js';

export interface StoppedNodeOptions extends Omit<StandOptions, 'regions'> {
  /** How long the node stands still, or is slowed. */
  readonly seconds: number;
  /** Slowed to one part in so many; undefined: it stands still. */
  readonly slowedBy?: number;
  readonly onStage: (text: string) => void;
}

const stopped: RegionName = 'ap-south';
const others = regionNames.filter((region) => region !== stopped);
const besideS = 10;
const settleS = 2;
const catchUpSMax = 300;

/** A fixed open-loop rate at two nodes, half of what they can serve, while the third stands still; then how fast it catches up. */
export async function stoppedNode(options: StoppedNodeOptions): Promise<string> {
  const { seconds, slowedBy, onStage } = options;
  const stand = await setUp({ ...options, regions: others });
  onStage('measuring the capacity…');
  await capacityOf(stand, others, { clients: 128, seconds: 3, mutations: 1 });
  const capacity = await capacityOf(stand, others, { clients: 128, seconds: 5, mutations: 1 });
  const perSecond = capacity / 2;
  onStage(`capacity ${short(capacity)}/s; offering half of it, ${stopped} stands still for ${seconds} s…`);
  const phases = [
    { perSecond, seconds: besideS },
    { perSecond, seconds: settleS },
    { perSecond, seconds: seconds - settleS },
  ];
  const offering = offer(stand, others, { phases, mutations: 1, connectionsMax: 2000 });
  await delay(besideS * 1000 + 200);
  const node = stand.node(stopped);
  const memory = others.map((region) => memoryOf(stand.node(region).pid).nowMiB);
  const release = slowedBy === undefined ? hold(node) : slow(node, slowedBy);
  const staleness = delay((seconds - 1) * 1000).then(() => viewOf(stand.node('us-east')));
  const [before, early, during] = await offering;
  await staleness;
  const memoryAfter = others.map((region) => memoryOf(stand.node(region).pid).mostMiB);
  const caughtUp = await catchUp(stand, release);
  const rows = [
    { name: 'before', offered: before! },
    { name: `first ${settleS} s`, offered: early! },
    { name: 'during', offered: during! },
  ];
  const ratio = `p99 during ÷ before: ${(during!.okMs.p99 / before!.okMs.p99).toFixed(2)} (goal ≤ 2).`;
  const memoryText = `Resident memory of the others, MiB: ${others.map((region, i) => `${region} ${short(memory[i]!)} before, ${short(memoryAfter[i]!)} at most`).join('; ')}.`;
  return [markdownTable(columns, rows), ratio, caughtUp, memoryText].join('\n\n');
}

/** From the moment at which the node runs again to when it has applied what was there then; nothing else is asked of anyone. */
async function catchUp(stand: Stand, release: () => void): Promise<string> {
  const { applied } = await viewOf(stand.node('us-east'));
  release();
  const node = stand.node(stopped);
  const first = await viewOf(node);
  const seconds = await appliedWithin(node, applied, catchUpSMax);
  const missed = applied - first.applied;
  return `Caught up: ${short(missed)} write sets in ${short(seconds)} s, ${short(missed / seconds)}/s (goal ≥ 20,000/s).`;
}

function hold(node: { pause(): void; resume(): void }): () => void {
  node.pause();
  return () => node.resume();
}

const periodMs = 500;

/** Lets the node run for one part in `factor` of the time. */
function slow(node: { pause(): void; resume(): void }, factor: number): () => void {
  node.pause();
  const timer = setInterval(() => {
    node.resume();
    setTimeout(() => node.pause(), periodMs / factor);
  }, periodMs);
  return () => {
    clearInterval(timer);
    setTimeout(() => node.resume(), periodMs / factor + 1);
  };
}
