import type { Operation, Protocol } from '../model.js';

/** What the runner tells a load process, over IPC; every order has one reply. */
export type Order =
  | OpenOrder
  | { readonly kind: 'fill'; readonly keys: FillKeys }
  | RunOrder
  /** The total of all hot counters, or accounts, of a run; with everything that is committed. */
  | { readonly kind: 'total'; readonly operation: Operation; readonly run: string }
  | { readonly kind: 'observe' }
  /** Until the node takes writes. */
  | { readonly kind: 'await-writable' }
  /** Until the node has all data. */
  | { readonly kind: 'await-filled' };

export interface OpenOrder {
  readonly kind: 'open';
  readonly protocol: Protocol;
  /** `host:port` of the region's own server. */
  readonly address: string;
  readonly seed: number;
}

export type FillKeys = { readonly kind: 'data' } | { readonly kind: 'accounts'; readonly run: string };

export interface RunOrder {
  readonly kind: 'run';
  readonly operation: Operation;
  /** Prefix of the keys of hot counters and accounts, so that every run has its own. */
  readonly run: string;
  readonly clients: number;
  /** Wall clock, ms since 1970: from the first to before the second answers are counted. Clients start at once. */
  readonly beginMs: number;
  readonly endMs: number;
}

export type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'total'; readonly total: number }
  | { readonly kind: 'observed'; readonly position: number; readonly seqno: number }
  | { readonly kind: 'ran'; readonly report: LoadReport }
  | { readonly kind: 'failed'; readonly reason: string };

export interface LoadReport {
  /** Operations that succeeded between begin and end. */
  readonly measured: number;
  /** Their latencies, encoded; of a read-modify-write, over all its tries. */
  readonly latencies: string;
  /** Operations that succeeded at any time, those after the end included. */
  readonly acknowledged: number;
  /** What was thrown at any time, by message: each may have committed or not. */
  readonly failures: Readonly<Record<string, number>>;
  /** Transactions begun between begin and end, conflicts included. */
  readonly tries: number;
  readonly conflicts: number;
  /** CPU of the load process between begin and end, ms. */
  readonly cpuMs: number;
}
