import type { Percentiles } from './latency.js';
import type { RegionalState } from './regional-state.js';
import type { Homes, Pair } from './rounds.js';

/** What the demo did and found. */
export interface DemoReport extends Homes {
  readonly wan: boolean;
  readonly load: LoadReport;
  readonly transfers: readonly TransferReport[];
  readonly commits: readonly CommitReport[];
  readonly reads: readonly { readonly region: string; readonly latency: Percentiles }[];
  /** Whether all regions came to the same seqnos after the last commit. */
  readonly settled: boolean;
  readonly states: readonly RegionalState[];
  /** By keyspace, what must be there. */
  readonly expected: ReadonlyMap<string, Expected>;
}

export interface Expected {
  readonly cities: number;
  /** Commits of the measurement. */
  readonly measured: number;
  readonly accountsTotal: number;
  /** That were answered as committed. */
  readonly transfers: number;
}

export interface LoadReport {
  readonly cities: number;
  readonly transactions: number;
  readonly seconds: number;
}

export interface TransferReport extends Pair {
  readonly committed: number;
  /** Runs that came to nothing and were followed by another. */
  readonly repeated: number;
}

export interface CommitReport extends Pair {
  readonly latency: Percentiles;
  /** To the home, through the nodes' own links; undefined at home. */
  readonly roundTripMs: number | undefined;
}
