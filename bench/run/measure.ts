import { setTimeout as delay } from 'node:timers/promises';
import { mergeLatencies, summarize } from '../load/latencies.js';
import type { LoadReport } from '../load/orders.js';
import { clientsPerRegion, operationsThatWrite, regionsOf, type Point, type Protocol } from '../model.js';
import type { CheckResult, PointResult, RegionResult } from '../results.js';
import type { Bed, System } from '../systems/system.js';
import { checkTotal } from './check.js';
import { LoadProcess } from './load-process.js';
import { takeSample, usageBetween, type Usage } from './sampler.js';

export interface MeasureOptions {
  readonly bed: Bed;
  readonly warmUpS: number;
  readonly measuredS: number;
  /** Follows Meridian's log at its home, for entries per second. */
  readonly observer: LoadProcess | undefined;
  /** The number of the measurement: its hot keys and its random values are its own. */
  readonly run: number;
}

/** Between the order to run and the first request. */
const startMs = 100;

function prefixOf(run: number): string {
  return `run${run}`;
}

/** Runs one point with one protocol. Rejects when a load process fails; failed operations are counted. */
export async function measure(
  point: Point,
  protocol: Protocol,
  options: MeasureOptions,
): Promise<PointResult> {
  const system = options.bed.system(protocol);
  if (system === undefined) throw new Error(`nothing serves ${protocol} here`);
  await system.prepare?.(point.network);
  const loads: LoadProcess[] = [];
  try {
    for (const [i, region] of regionsOf(point.place).entries()) {
      const command = options.bed.commandIn(region);
      const address = system.address(protocol, region);
      loads.push(
        await LoadProcess.start({ region, command, protocol, address, seed: 1000 * options.run + i }),
      );
    }
    if (point.operation === 'transfer')
      await loads[0]!.ask({ kind: 'fill', keys: { kind: 'accounts', run: prefixOf(options.run) } }, 'done');
    const ran = await runLoads(point, { loads, system, options });
    const check = await checkRun(point, { loads, reports: ran.reports, run: prefixOf(options.run) });
    return resultOf(point, protocol, { ...ran, check, system, measuredS: options.measuredS });
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
  }
}

interface Ran {
  readonly reports: readonly LoadReport[];
  readonly usage: Usage;
  readonly entriesPerSecond: number | undefined;
}

async function runLoads(
  point: Point,
  {
    loads,
    system,
    options,
  }: { readonly loads: readonly LoadProcess[]; readonly system: System; readonly options: MeasureOptions },
): Promise<Ran> {
  const { bed, observer, warmUpS, measuredS } = options;
  const run = prefixOf(options.run);
  const beginMs = Date.now() + startMs + warmUpS * 1000;
  const endMs = beginMs + measuredS * 1000;
  const clients = clientsPerRegion(point);
  const { operation } = point;
  const reports = loads.map((load, i) =>
    load.ask({ kind: 'run', operation, run, clients: clients[i]!, beginMs, endMs }, 'ran'),
  );
  const processes = new Map([
    ...system.pids,
    ...loads.map((load) => [`load ${load.region}`, load.pid] as const),
    ...(bed.emulatorPid === undefined ? [] : [['wanem', bed.emulatorPid] as const]),
    ['runner', process.pid] as const,
  ]);
  const at = async (whenMs: number) => {
    await delay(Math.max(0, whenMs - Date.now()));
    const sample = takeSample(processes);
    return { sample, log: await observer?.ask({ kind: 'observe' }, 'observed') };
  };
  const sampled = (async () => {
    const before = await at(beginMs);
    const after = await at(endMs);
    return { before, after };
  })();
  const [{ before, after }, ...answers] = await Promise.all([sampled, ...reports]);
  const usage = usageBetween(before.sample, after.sample);
  const entries =
    before.log === undefined || after.log === undefined
      ? undefined
      : after.log.position - before.log.position;
  return {
    reports: answers.map(({ report }) => report),
    usage,
    entriesPerSecond: entries === undefined ? undefined : entries / usage.seconds,
  };
}

async function checkRun(
  { operation }: Point,
  {
    loads,
    reports,
    run,
  }: {
    readonly loads: readonly LoadProcess[];
    readonly reports: readonly LoadReport[];
    readonly run: string;
  },
): Promise<CheckResult | undefined> {
  if (!operationsThatWrite.includes(operation) || operation === 'put') return undefined;
  const { total } = await loads.at(-1)!.ask({ kind: 'total', operation, run }, 'total');
  const acknowledged = sumOf(reports, (report) => report.acknowledged);
  const failed = sumOf(reports, (report) => sumOf(Object.values(report.failures), (count) => count));
  return checkTotal(operation, { total, acknowledged, failed });
}

interface Measured extends Ran {
  readonly check: CheckResult | undefined;
  readonly system: System;
  readonly measuredS: number;
}

/** Rates are over the measured seconds as planned: that is when the load processes counted. */
export function resultOf(point: Point, protocol: Protocol, measured: Measured): PointResult {
  const { reports, usage, entriesPerSecond, check, system, measuredS } = measured;
  const names = regionsOf(point.place);
  const clients = clientsPerRegion(point);
  const regions: RegionResult[] = reports.map((report, i) => ({
    region: names[i]!,
    clients: clients[i]!,
    perSecond: report.measured / measuredS,
    latencyMs: summarize(mergeLatencies([report.latencies])),
    loadCpuPercent: report.cpuMs / (10 * measuredS),
  }));
  const count = sumOf(reports, (report) => report.measured);
  const serverCpuPercent = Object.fromEntries(
    Object.entries(usage.processPercent).filter(([name]) => !name.startsWith('load ')),
  );
  const serverMs = sumOf([...system.pids.keys()], (name) => usage.processPercent[name]! * 10 * measuredS);
  const perOperation = (ms: number): number => (count === 0 ? 0 : (ms * 1000) / count);
  return {
    ...point,
    protocol,
    perSecond: count / measuredS,
    latencyMs: summarize(mergeLatencies(reports.map(({ latencies }) => latencies))),
    regions,
    triesPerOperation: count === 0 ? 0 : sumOf(reports, ({ tries }) => tries) / count,
    failures: addCounts(reports.map(({ failures }) => failures)),
    entriesPerSecond,
    flushesPerSecond: usage.flushesPerSecond,
    serverCpuPercent,
    serverCpuMicros: perOperation(serverMs),
    loadCpuMicros: perOperation(sumOf(reports, ({ cpuMs }) => cpuMs)),
    stealPercent: usage.stealPercent,
    foreignCpuPercent: usage.foreignPercent,
    check,
  };
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}

function addCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
