import { limits } from '../model/limits.js';
import type { Retention } from '../model/retention.js';
import type { Kept } from '../storage/store.js';
import type { LogTip } from './batch.js';

/** What the next batch may add to the outcomes, and which of the old ones it lets go. */
export interface OutcomeRoom {
  /** Ids made before it are refused from this batch on, and their outcomes may be dropped everywhere. It never falls. */
  readonly idFloorMs: number;
  /** Why no outcome may be added: those that must be kept are above their bound. For the client. */
  readonly full: string | undefined;
}

/**
 * The id floor of a batch at `nowMs`: by age, further by size, but never so far that an outcome younger than
 * `outcomesMsMin` is lost. `kept` are the sequencer's own outcomes, up to the tip.
 */
export function outcomeRoom(
  kept: Pick<Kept, 'outcomesSince'>,
  retention: Retention,
  tip: Pick<LogTip, 'logTimeMs' | 'idFloorMs'>,
  nowMs: number,
): OutcomeRoom {
  const logTimeMs = Math.max(tip.logTimeMs, nowMs);
  const outcomesMsMax = Math.min(retention.outcomesMsMax, limits.outcomesMsMax);
  const byAgeMs = Math.max(tip.idFloorMs, logTimeMs - outcomesMsMax);
  const bySizeMs = kept.outcomesSince(retention.outcomesBytesMax);
  if (bySizeMs <= byAgeMs) return { idFloorMs: byAgeMs, full: undefined };
  const highestMs = Math.max(byAgeMs, logTimeMs - retention.outcomesMsMin);
  if (bySizeMs <= highestMs) return { idFloorMs: bySizeMs, full: undefined };
  const full = `outcomes of the last ${retention.outcomesMsMin} ms are above their bound of ${retention.outcomesBytesMax} bytes`;
  return { idFloorMs: highestMs, full };
}
