import type { Isolation } from '../model/write-set.js';

export interface CallOptions {
  /** Of the call with its retries, ms; default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /**
   * Ends the call with the signal's reason, as if it had never been made; once a commit has been sent, with
   * OutcomeUnknownError.
   */
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends CallOptions {
  /** Linearizable: sees everything that was committed anywhere before the call. Asks the keyspace's home. */
  readonly causal?: boolean;
}

export interface CommitOptions extends ReadOptions {
  /** Default `serializable`. */
  readonly isolation?: Isolation;
  /** How many times a conflict lets it begin anew; default 32. */
  readonly maxAttempts?: number;
}

export interface ExpiryOptions {
  /** Whole ms, in log time, until the key expires; without it a set key never does, and a counter's expiry stays. */
  readonly ttlMs?: number;
}

export interface SetOptions extends ExpiryOptions {
  /** Default: application/octet-stream of a Uint8Array, application/json of everything else. */
  readonly contentType?: string;
}

export interface Commit {
  readonly transactionId: string;
  /** Of the commit; of the snapshot when there was nothing to write. */
  readonly gtid: string;
  /** The version that the written keys have now: the GTID's seqno. */
  readonly version: number;
  /** Per mutation in order: the counter after an atomic one, null of every other. */
  readonly results: readonly (bigint | null)[];
}
