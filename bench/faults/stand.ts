import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { LocalCluster } from '../../src/local/cluster.js';
import type { LocalNode } from '../../src/local/local-node.js';
import { startLocalCluster } from '../../src/local/cluster.js';
import { freePorts } from '../../src/local/ports.js';
import { mergeLatencies, summarize, type LatencySummary } from '../load/latencies.js';
import type { OfferOrder, PhaseReport } from '../load/orders.js';
import { regionNames, type RegionName } from '../model.js';
import { LoadProcess } from '../run/load-process.js';
import type { Undo } from '../run/undo.js';

/** A cluster with a load process beside each node. */
export interface Stand {
  readonly cluster: LocalCluster;
  node(region: RegionName): LocalNode;
  load(region: RegionName): LoadProcess;
}

export interface StandOptions {
  readonly directory: string;
  /** Whose loads are started; the others' would only idle. */
  readonly regions: readonly RegionName[];
  readonly undo: Undo;
}

export async function setUp({ directory, regions, undo }: StandOptions): Promise<Stand> {
  const ports = await freePorts(2 * regionNames.length);
  const cluster = await startLocalCluster({
    dataDirectory: directory,
    ports: regionNames.map((_, i) => ({ http: ports[2 * i]!, peer: ports[2 * i + 1]! })),
  });
  undo.add(() => cluster.stop());
  const loads = new Map<RegionName, LoadProcess>();
  for (const [i, region] of regions.entries()) {
    const { http } = cluster.config.nodes.find((node) => node.region === region)!;
    const address = `${http.host}:${http.port}`;
    const load = await LoadProcess.start({ region, command: [], protocol: 'http', address, seed: 1 + i });
    undo.add(() => load.stop());
    loads.set(region, load);
  }
  const node = (region: RegionName): LocalNode => cluster.nodes.find((one) => one.region === region)!;
  return { cluster, node, load: (region) => loads.get(region)! };
}

const startMs = 200;

export interface Saturating {
  /** Of all regions together. */
  readonly clients: number;
  readonly seconds: number;
  readonly mutations: number;
}

/** What the regions' clients do in a closed loop, by region. */
export async function saturate(
  stand: Stand,
  regions: readonly RegionName[],
  { clients, seconds, mutations }: Saturating,
): Promise<{ readonly perSecond: number; readonly gapMsMax: number }[]> {
  const beginMs = Date.now() + startMs;
  const perRegion = Math.ceil(clients / regions.length);
  return Promise.all(
    regions.map((region) =>
      stand
        .load(region)
        .ask({ kind: 'saturate', mutations, clients: perRegion, beginMs, seconds }, 'saturated'),
    ),
  );
}

/** The sum of what the regions' clients do in a closed loop, per second: what the cluster can serve with all of this machine. */
export async function capacityOf(
  stand: Stand,
  regions: readonly RegionName[],
  saturating: Saturating,
): Promise<number> {
  const reports = await saturate(stand, regions, saturating);
  return reports.reduce((sum, { perSecond }) => sum + perSecond, 0);
}

export interface OfferedPhase {
  readonly perSecond: number;
  readonly seconds: number;
}

/** Offers the rates of the phases, spread evenly over the regions; the reports are by phase, of all regions together. */
export async function offer(
  stand: Stand,
  regions: readonly RegionName[],
  {
    phases,
    mutations,
    connectionsMax,
  }: Pick<OfferOrder, 'mutations' | 'connectionsMax'> & { readonly phases: readonly OfferedPhase[] },
): Promise<Offered[]> {
  const beginMs = Date.now() + startMs;
  const each = phases.map(({ perSecond, seconds }) => ({ perSecond: perSecond / regions.length, seconds }));
  const answers = await Promise.all(
    regions.map((region) =>
      stand.load(region).ask({ kind: 'offer', mutations, phases: each, beginMs, connectionsMax }, 'offered'),
    ),
  );
  return phases.map(({ seconds }, i) =>
    offeredOf(
      answers.map(({ report }) => report.phases[i]!),
      seconds,
    ),
  );
}

/** One phase, of all regions. */
export interface Offered {
  readonly due: number;
  readonly unsent: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
  readonly okPerSecond: number;
  readonly okMs: LatencySummary;
  readonly refusedMs: LatencySummary;
}

function offeredOf(reports: readonly PhaseReport[], seconds: number): Offered {
  const answers = addCounts(reports.map((one) => one.answers));
  return {
    due: reports.reduce((sum, { due }) => sum + due, 0),
    unsent: reports.reduce((sum, { unsent }) => sum + unsent, 0),
    answers,
    failures: addCounts(reports.map((one) => one.failures)),
    okPerSecond: (answers['ok'] ?? 0) / seconds,
    okMs: summarize(mergeLatencies(reports.map(({ latencies }) => latencies))),
    refusedMs: summarize(mergeLatencies(reports.map(({ refusals }) => refusals))),
  };
}

function addCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

/** Resident memory of a process now, and the most that it had; MiB. */
export function memoryOf(pid: number): { readonly nowMiB: number; readonly mostMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)![1]) / 1024;
  return { nowMiB: field('VmRSS'), mostMiB: field('VmHWM') };
}

export interface KeyspaceView {
  readonly state: string;
  readonly detail?: string;
  readonly applied: number;
  readonly position: number;
  readonly staleness?: number;
  readonly join?: { readonly by: string; readonly phase: string; readonly bytes: number };
}

/** Keyspace `default` as a node shows it. */
export async function viewOf(node: LocalNode): Promise<KeyspaceView> {
  const response = await fetch(`${node.httpUrl}/v1/keyspaces`);
  const { keyspaces } = (await response.json()) as { keyspaces: (KeyspaceView & { name: string })[] };
  return keyspaces.find(({ name }) => name === 'default')!;
}

const pollMs = 20;

/** Waits until a node has applied a seqno; the time that it took, s. */
export async function appliedWithin(node: LocalNode, seqno: number, withinS: number): Promise<number> {
  const begunMs = performance.now();
  for (;;) {
    if ((await viewOf(node)).applied >= seqno) return (performance.now() - begunMs) / 1000;
    if (performance.now() - begunMs > withinS * 1000)
      throw new Error(`${node.id} is not at ${seqno} after ${withinS} s`);
    await delay(pollMs);
  }
}
