import { limits } from '../model/limits.js';
import { bytesInTables, compactRange, flushAndMerge } from './compaction.js';
import { entryKey, everything, outcomeKeyFloor } from './layout.js';
import type { SharedState } from './shared-state.js';
import type { Database } from './store.js';
import { dropEntries, dropOutcomes, type Dropping } from './trim.js';
import { Turns } from './turns.js';

/** Deleted records take room until LevelDB compacts them; when there are this many bytes of them it is told to. */
const compactBytesMin = 16 * 1024 * 1024;
/** And at the latest with so many, however much of what was deleted before is still there. */
const compactBytesMax = 1024 * 1024 * 1024;
/** Batches of each kind in one trim, so that it ends. */
const batchesMax = 16;

/** What trimming needs of its store. */
export interface Trimmed {
  /** The state at the head, held. Throws when nothing can be written. */
  hold(): SharedState;
  /** Writes it in a turn of its own. False: the database was reopened since `state`, and nothing was written. */
  drop(dropping: Dropping, state: SharedState): Promise<boolean>;
}

/** Drops in small batches with the store's other work between them; what reads and compacts does not hold that work up. */
export class Trimming {
  readonly #store: Trimmed;
  readonly #turns = new Turns();
  /** Entries up to here have surely left LevelDB's log. */
  #inTablesTo = -1;
  readonly #entries = new Dropped();
  readonly #outcomes = new Dropped();

  constructor(store: Trimmed) {
    this.#store = store;
  }

  /** Drops entries below `upTo`, limits.trimEntriesMax at most, and outcomes of ids below the id floor and `outcomesBeforeMs`. */
  trim(upTo: number, outcomesBeforeMs: number): Promise<void> {
    return this.#turns.take(async () => {
      const end = await this.#holding((state) => this.#flushed(state, upTo));
      await this.#dropAll((state) => (state.oldestPosition < end ? dropEntries(state, end) : undefined));
      await this.#dropAll((state) => dropOutcomes(state, outcomesBeforeMs));
      await this.#holding((state) => this.#compact(state));
    });
  }

  async #holding<T>(work: (state: SharedState) => Promise<T>): Promise<T> {
    const state = this.#store.hold();
    try {
      return await work(state);
    } finally {
      state.release();
    }
  }

  /** Up to where this trim may drop entries. */
  async #flushed({ head, oldestPosition, database }: SharedState, upTo: number): Promise<number> {
    const end = Math.min(upTo, head.position, oldestPosition + limits.trimEntriesMax);
    if (end > oldestPosition && end > this.#inTablesTo) {
      await flushAndMerge(database);
      this.#inTablesTo = head.position;
    }
    return end;
  }

  async #dropAll(next: (state: SharedState) => Promise<Dropping> | undefined): Promise<void> {
    for (let batches = 0; batches < batchesMax; batches++) {
      const goesOn = await this.#holding(async (state) => {
        const dropping = await next(state);
        if (dropping === undefined || dropping.operations.length === 0) return false;
        if (!(await this.#store.drop(dropping, state))) return false;
        this.#entries.bytes += dropping.entriesBytes;
        for (const { bytes } of dropping.outcomes.values()) this.#outcomes.bytes -= bytes;
        return true;
      });
      if (!goesOn) return;
    }
  }

  async #compact({ database, oldestPosition, head }: SharedState): Promise<void> {
    await this.#entries.compact(database, everything('entry').gte, entryKey(oldestPosition));
    await this.#outcomes.compact(database, everything('outcome').gte, outcomeKeyFloor(head.idFloorMs));
  }
}

/** What was dropped of a range, and when LevelDB is told to give its room back. */
class Dropped {
  /** Since the last time. */
  bytes = 0;
  #dueBytes = compactBytesMin;

  /**
   * Only when it is due. What a snapshot that is older still keeps, of a transfer or a check, stays in the tables and is
   * written anew each time; so the more was left the last time, the longer it waits.
   */
  async compact(database: Database, start: Buffer, end: Buffer): Promise<void> {
    if (this.bytes < this.#dueBytes) return;
    this.bytes = 0;
    await compactRange(database, start, end);
    const leftBytes = await bytesInTables(database, start, end);
    this.#dueBytes = Math.min(Math.max(compactBytesMin, leftBytes / 2), compactBytesMax);
  }
}
