/** What became of a call that etcd did not answer as asked. */
export type EtcdProblem =
  /** No answer that decides it: no connection, no leader, a deadline. A mutation may have happened, or may still happen. */
  | 'unknown'
  /**
   * The database is above its quota: nothing will be written until an operator has made room. The one transaction that takes it
   * above was executed all the same.
   */
  | 'no-space'
  /** The revision that was asked for was compacted. */
  | 'compacted'
  /** Refused for good as it stands (credentials, a request too large): nothing was written. */
  | 'refused'
  /** The client was closed; a mutation may have happened. */
  | 'closed';

export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  readonly problem: EtcdProblem;

  constructor(problem: EtcdProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

export interface EtcdKeyValue {
  readonly key: Buffer;
  /** Empty when only keys were asked for. */
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Decimal; '0' when the key is bound to none. */
  readonly lease: string;
}

/** A comparison of a key's revision; that of a key that is absent is 0. */
export interface EtcdCompare {
  readonly key: Buffer;
  readonly revision: 'create' | 'mod';
  readonly is: '=' | '>' | '<';
  readonly than: number;
}

export interface EtcdRange {
  readonly key: Buffer;
  /** Exclusive; undefined: the one key. */
  readonly end?: Buffer | undefined;
  /** In keys, ascending; undefined or 0: all. */
  readonly limit?: number | undefined;
  readonly keysOnly?: boolean | undefined;
}

export type EtcdOperation =
  | {
      readonly put: { readonly key: Buffer; readonly value: Uint8Array; readonly lease?: string | undefined };
    }
  | { readonly range: EtcdRange }
  | { readonly delete: { readonly key: Buffer; readonly end?: Buffer | undefined } };

export interface EtcdTxn {
  /** All must hold. */
  readonly compare: readonly EtcdCompare[];
  readonly success: readonly EtcdOperation[];
  readonly failure: readonly EtcdOperation[];
}

export interface EtcdTxnAnswer {
  readonly succeeded: boolean;
  /** Of the whole database, after the transaction. */
  readonly revision: number;
  /** Per operation of the branch that ran: what a range found, undefined for the others. */
  readonly results: readonly (readonly EtcdKeyValue[] | undefined)[];
}

export interface EtcdLease {
  /** Decimal: it may exceed 2^53. */
  readonly id: string;
  /** As granted: etcd may give more than was asked for. ms */
  readonly ttlMs: number;
}

/**
 * The part of etcd's v3 API that an ordered log needs. Every call is linearizable, is sent once and rejects with an
 * EtcdError; after 'unknown' the caller decides what to send again, since a mutation is never repeated here.
 */
export interface EtcdKv {
  txn(txn: EtcdTxn): Promise<EtcdTxnAnswer>;
  range(range: EtcdRange): Promise<readonly EtcdKeyValue[]>;
  grantLease(ttlMs: number): Promise<EtcdLease>;
  /** Resolves to what the lease has from the moment it was sent on, ms; 0 when it has expired. */
  keepAlive(lease: string): Promise<number>;
  /** Of a lease that is not there: nothing. */
  revokeLease(lease: string): Promise<void>;
  /** Forgets what keys were before `revision`. Of one that is compacted already: nothing. */
  compact(revision: number): Promise<void>;
  /** Ends every call under way with 'closed'. */
  close(): void;
}
