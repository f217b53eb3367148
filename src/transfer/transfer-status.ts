import type { NodeId } from '../model/ids.js';

export type JoinPhase = 'choosing-donor' | 'copying' | 'verifying' | 'replaying' | 'done';

/** How far a joiner is. */
export interface TransferStatus {
  readonly donor: NodeId | undefined;
  readonly phase: JoinPhase;
  /** Of rows received, and of all rows as the donor estimates them. */
  readonly bytes: number;
  readonly bytesTotal: number | undefined;
  /** Over the last seconds. */
  readonly bytesPerSecond: number;
  /** Wall clock, ms. */
  readonly startedMs: number;
  /** What it waits out before it tries again, for the operator; undefined while it goes on. */
  readonly heldUpBy: string | undefined;
}
