import type { LatencySummary } from './load/latencies.js';
import type { MachineDescription } from './machine/describe.js';
import type { Point, Protocol, RegionName } from './model.js';

/** What `bench/results/*.json` holds. */
export interface RunResult {
  readonly command: string;
  /** ISO 8601, when the run began. */
  readonly date: string;
  readonly machine: MachineDescription;
  readonly versions: Readonly<Record<string, string>>;
  readonly warmUpS: number;
  readonly measuredS: number;
  readonly points: readonly PointResult[];
}

export interface PointResult extends Point {
  readonly protocol: Protocol;
  /** Operations that succeeded, per second. */
  readonly perSecond: number;
  readonly latencyMs: LatencySummary;
  readonly regions: readonly RegionResult[];
  /** Transactions per operation: above 1 where conflicts were tried again. */
  readonly triesPerOperation: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Of the keyspace's log at its home; none for other stores. */
  readonly entriesPerSecond: number | undefined;
  /** Flush requests of the machine's disks. */
  readonly flushesPerSecond: number;
  /** By server process, in percent of one core. */
  readonly serverCpuPercent: Readonly<Record<string, number>>;
  /** CPU time per operation, µs: all servers of the store, and all load processes. */
  readonly serverCpuMicros: number;
  readonly loadCpuMicros: number;
  /** Of all cores, what the host gave to others. */
  readonly stealPercent: number;
  /** CPU used by processes that are neither the store's nor the benchmark's, in percent of one core. */
  readonly foreignCpuPercent: number;
  /** What had to hold after the run; undefined where there is nothing to check. */
  readonly check: CheckResult | undefined;
}

export interface RegionResult {
  readonly region: RegionName;
  readonly clients: number;
  readonly perSecond: number;
  readonly latencyMs: LatencySummary;
  readonly loadCpuPercent: number;
}

export interface CheckResult {
  readonly holds: boolean;
  readonly text: string;
}
