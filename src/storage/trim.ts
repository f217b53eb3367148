import { decodeEntryHeader } from '../model/entry.js';
import { entryKey, everything, headKey, encodeHead, outcomeKeyFloor, type HeadRecord } from './layout.js';
import type { SharedState } from './shared-state.js';
import { StoreDamaged, type Database } from './store.js';
import type { Operation } from './write-batch.js';

/** Outcomes dropped by one trim, so that its batch stays small. */
const outcomesMax = 50_000;
/** Entries dropped by one trim. */
const entriesMax = 50_000;

interface CompactsRanges {
  compactRange(start: Buffer, end: Buffer): Promise<void>;
}

/**
 * Moves LevelDB's log into its tables. Damage in the log loses whole batches and shows as a missing entry; so an entry
 * may only be dropped when its batch is no longer in the log, else a hole could hide below the oldest entry.
 */
export function flushToTables(database: Database): Promise<void> {
  return compactRange(database, headKey, headKey);
}

/** Gives the room of deleted records in a range back to the disk; nothing on a database that has no such thing. */
export async function compactRange(database: Database, start: Buffer, end: Buffer): Promise<void> {
  const compacting = database as Database & Partial<CompactsRanges>;
  await compacting.compactRange?.(start, end);
}

/** The batch that drops entries below `oldest` and outcomes of ids below the id floor; empty when there are none. */
export async function trimOperations(
  state: SharedState,
  oldest: number,
): Promise<{ readonly operations: readonly Operation[]; readonly after: HeadRecord }> {
  const { head, database, snapshot } = state;
  let { oldestPosition, hashBeforeOldest } = state;
  const operations: Operation[] = [];
  const upTo = Math.min(oldest, oldestPosition + entriesMax);
  if (upTo > oldestPosition) {
    const first = state.read(entryKey(upTo));
    if (first === undefined) throw new StoreDamaged(`entry ${upTo} is missing`);
    hashBeforeOldest = Buffer.from(decodeEntryHeader(first).previousHash);
    while (oldestPosition < upTo) operations.push({ type: 'del', key: entryKey(oldestPosition++) });
  }
  const forgotten = {
    gte: everything('outcome').gte,
    lt: outcomeKeyFloor(head.idFloorMs),
    limit: outcomesMax,
  };
  for (const key of await database.keys({ ...forgotten, snapshot, fillCache: false } as object).all()) {
    operations.push({ type: 'del', key });
  }
  const after = { head, oldestPosition, hashBeforeOldest };
  if (operations.length > 0) operations.push({ type: 'put', key: headKey, value: encodeHead(after) });
  return { operations, after };
}
