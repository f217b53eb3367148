import type { Operation, Protocol } from '../model.js';

/** What the runner tells a load process, over IPC; every order has one reply. */
export type Order =
  | OpenOrder
  | { readonly kind: 'fill'; readonly keys: FillKeys }
  | RunOrder
  | SaturateOrder
  | OfferOrder
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

/** A closed loop of the same writes as those of an OfferOrder, for as many as are served. Tells the longest time without one. */
export interface SaturateOrder {
  readonly kind: 'saturate';
  readonly mutations: number;
  readonly clients: number;
  readonly beginMs: number;
  readonly seconds: number;
}

/** An open loop of blind writes over HTTP, of `mutations` random keys each, at the rates of its phases. */
export interface OfferOrder {
  readonly kind: 'offer';
  readonly mutations: number;
  readonly phases: readonly { readonly perSecond: number; readonly seconds: number }[];
  /** Wall clock, ms since 1970: when the first request is due. */
  readonly beginMs: number;
  readonly connectionsMax: number;
}

export type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'total'; readonly total: number }
  | { readonly kind: 'observed'; readonly position: number; readonly seqno: number }
  | { readonly kind: 'ran'; readonly report: LoadReport }
  | { readonly kind: 'saturated'; readonly perSecond: number; readonly gapMsMax: number }
  | { readonly kind: 'offered'; readonly report: OfferReport }
  | { readonly kind: 'failed'; readonly reason: string };

export interface OfferReport {
  readonly phases: readonly PhaseReport[];
  readonly connections: number;
}

/** What became of the requests that were due in a phase, whenever they were answered. */
export interface PhaseReport {
  readonly due: number;
  /** Given up because too many waited for a connection. */
  readonly unsent: number;
  /** By `ok` or the code of the refusal. */
  readonly answers: Readonly<Record<string, number>>;
  /** What broke before it was answered, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** From when a request was due to its answer, encoded: of successes, and of refusals. */
  readonly latencies: string;
  readonly refusals: string;
}

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
