import type { Epoch, LogPosition, NodeId } from '../model/ids.js';

/** What an append is fenced by. Its meaning is the adapter's own. */
export interface Fence {
  readonly nonce: Buffer;
  readonly token: unknown;
}

export interface LogTail {
  /** −1 when the log is empty. */
  readonly position: number;
  readonly seqno: number;
  readonly epoch: Epoch;
  readonly chainHash: Buffer;
}

/** Who asks for the role gets the fence of the term, or why not now. */
export type Led = { readonly fence: Fence } | { readonly notNow: string };

/** The log has no room and takes nothing more until an operator has made some. `message` is for the operator. */
export class LogFull extends Error {
  override readonly name = 'LogFull';
}

/** The log was closed; what an append had come to is unknown. */
export class LogClosed extends Error {
  override readonly name = 'LogClosed';
}

/**
 * The durable, dense sequence of a keyspace's entries; the only source of truth. One append at a time.
 *
 * The fence is checked atomically with the append, in the log itself: leases and timers are liveness only.
 */
export interface OrderedLog {
  /**
   * Takes the role for `nonce` (16 bytes, fresh per election). 'not now' when another holds it, or when the log cannot
   * be led from here (an empty history, damage): that says so for the operator. `onLost` is called once, without waiting,
   * when the role is no longer surely this candidate's: its lease has run out, or another was found to lead. It says
   * nothing of an append that is in flight. `gone`: a candidate that does not run any more; when it holds the role, the rest
   * of its lease is not waited for.
   */
  lead(nonce: Buffer, onLost?: (why: string) => void, gone?: NodeId): Promise<Led>;
  /**
   * Gives the role up, so that a successor need not wait for a lease to run out; from then on an append under this fence is
   * 'deposed'. Nothing may be in flight. A log that one node alone can lead does nothing. Never rejects.
   */
  resign(fence: Fence): Promise<void>;
  /**
   * Makes the entry durable at `position`, which must follow the tail. Repeats the same bytes until it knows:
   * 'durable': it is in the log and will stay. 'deposed': another leads, and this entry is not in the log and never will be
   * (or it was, its answer was lost, and a successor has trimmed it: 'deposed' alone proves nothing to a client). Rejects with LogClosed when the log was closed meanwhile (the outcome is then unknown), with the storage's
   * own error when damage stops the log, with LogFull, and with a bug's error, nothing appended, when the entry does not follow.
   */
  append(fence: Fence, position: LogPosition, entry: Uint8Array): Promise<'durable' | 'deposed'>;
  /** Entries from `from` on, in order, about `bytesMax` at most and at least one if there is one; 'trimmed' when `from` is no longer kept. */
  read(from: LogPosition, bytesMax: number): Promise<readonly Uint8Array[] | 'trimmed'>;
  /** The lowest position that is kept; 0 of an empty log. */
  oldest(): Promise<LogPosition>;
  /**
   * The durable end, linearizable: at least what was durable anywhere when the call began. `near`: a position that the caller
   * knows of, where a log that has to look for its end may begin.
   */
  tail(near?: LogPosition): Promise<LogTail>;
  /** Drops entries below `upTo` (exclusive), never the newest. 'deposed' as for append. */
  trim(fence: Fence, upTo: LogPosition): Promise<'done' | 'deposed'>;
  close(): Promise<void>;
}
