import { verifyEntryBytes } from '../model/entry.js';
import { forgetHashes, hashRows } from './chain-hashes.js';
import { entryKey, everything, numberOfKey, outcomeKeyFloor } from './layout.js';
import { countOutcome, type OutcomeCount, type OutcomeCounts } from './outcome-counts.js';
import { recordPages } from './record-pages.js';
import type { SharedState } from './shared-state.js';
import { StoreDamaged } from './store.js';
import type { Operation } from './write-batch.js';

/** Dropped in one batch, so that an apply never waits long behind it. */
const batchEntriesMax = 4000;
const batchBytesMax = 16 * 1024 * 1024;
const batchOutcomesMax = 4000;
const readBytes = 1024 * 1024;

/** What one batch drops, without the head record that says so, and what it leaves. */
export interface Dropping {
  readonly operations: readonly Operation[];
  /** Where the entries begin before and after it. */
  readonly from: number;
  readonly oldestPosition: number;
  readonly hashBeforeOldest: Buffer;
  /** Of keys and values. */
  readonly entriesBytes: number;
  /** How it changes the counts: none is above 0. */
  readonly outcomes: OutcomeCounts;
}

/** Drops entries from the oldest on, below `upTo`, as many as one batch takes. Their chain hashes stay. */
export async function dropEntries(state: SharedState, upTo: number): Promise<Dropping> {
  const { oldestPosition: from, database, snapshot } = state;
  const hashes: Buffer[] = [];
  let entriesBytes = 0;
  let bytesOfLast = 0;
  const to = Math.min(upTo, from + batchEntriesMax);
  const range = { gte: entryKey(from), lt: everything('entry').lt, snapshot };
  reading: for await (const page of recordPages(database, range, readBytes)) {
    for (const [key, bytes] of page) {
      const position = from + hashes.length;
      if (numberOfKey(key) !== position) throw new StoreDamaged(`entry ${position} is missing`);
      hashes.push(Buffer.from(verifyEntryBytes(bytes).previousHash));
      entriesBytes += bytesOfLast;
      bytesOfLast = key.length + bytes.length;
      if (position === to || entriesBytes > batchBytesMax) break reading;
    }
  }
  if (hashes.length <= to - from && entriesBytes <= batchBytesMax) {
    throw new StoreDamaged(`entry ${from + hashes.length} is missing`);
  }
  // The one read last stays: its header has the hash of the one before it.
  const oldestPosition = from + hashes.length - 1;
  const operations: Operation[] = [];
  for (let at = from; at < oldestPosition; at++) operations.push({ type: 'del', key: entryKey(at) });
  const known = from === 0 ? hashes.slice(1) : hashes;
  for (const { key, value } of hashRows(state, Math.max(0, from - 1), known)) {
    operations.push({ type: 'put', key, value });
  }
  operations.push(...(await forgetHashes(state, oldestPosition)));
  return {
    operations,
    from,
    oldestPosition,
    hashBeforeOldest: hashes.at(-1)!,
    entriesBytes,
    outcomes: new Map(),
  };
}

/** Drops outcomes of ids below the id floor and `beforeMs`, as many as one batch takes. */
export async function dropOutcomes(state: SharedState, beforeMs: number): Promise<Dropping> {
  const { head, database, snapshot, oldestPosition, hashBeforeOldest } = state;
  const range = {
    gte: everything('outcome').gte,
    lt: outcomeKeyFloor(Math.min(head.idFloorMs, beforeMs)),
    snapshot,
  };
  const operations: Operation[] = [];
  const outcomes = new Map<number, OutcomeCount>();
  reading: for await (const page of recordPages(database, range, readBytes)) {
    for (const [key, value] of page) {
      if (operations.length === batchOutcomesMax) break reading;
      operations.push({ type: 'del', key });
      countOutcome(outcomes, key, value, -1);
    }
  }
  return { operations, from: oldestPosition, oldestPosition, hashBeforeOldest, entriesBytes: 0, outcomes };
}
