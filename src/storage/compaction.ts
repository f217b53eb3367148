import { headKey } from './layout.js';
import type { Database } from './store.js';

/** Above every record, so that no table is merged for it. */
const nowhere = Buffer.from([0xff]);

interface CompactsRanges {
  compactRange(start: Buffer, end: Buffer): Promise<void>;
  approximateSize(start: Buffer, end: Buffer): Promise<number>;
}

/**
 * Moves LevelDB's log into its tables. Damage in the log loses whole batches and shows as a missing entry; so an entry
 * may only be dropped when its batch is no longer in the log, else a hole could hide below the oldest entry.
 */
export function flushToTables(database: Database): Promise<void> {
  return compactRange(database, nowhere, nowhere);
}

/** Does so too, and merges the tables that lie over the head record: what endless writes overwrite goes with it. */
export function flushAndMerge(database: Database): Promise<void> {
  return compactRange(database, headKey, headKey);
}

/** Gives the room of deleted records in a range back to the disk; nothing on a database that has no such thing. */
export async function compactRange(database: Database, start: Buffer, end: Buffer): Promise<void> {
  const compacting = database as Database & Partial<CompactsRanges>;
  await compacting.compactRange?.(start, end);
}

/** What a range takes in tables, about; 0 on a database that has none. */
export async function bytesInTables(database: Database, start: Buffer, end: Buffer): Promise<number> {
  const compacting = database as Database & Partial<CompactsRanges>;
  return (await compacting.approximateSize?.(start, end)) ?? 0;
}
