import { limits } from '../model/limits.js';
import { compactRange, flushAndMerge } from './compaction.js';
import { entryKey, everything, outcomeKeyFloor } from './layout.js';
import type { SharedState } from './shared-state.js';
import { dropEntries, dropOutcomes, type Dropping } from './trim.js';
import { Turns } from './turns.js';

/** Deleted records take room until LevelDB compacts them; when there are this many bytes of them it is told to. */
const compactBytesMin = 16 * 1024 * 1024;
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
  #entriesBytes = 0;
  #outcomesBytes = 0;

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
        this.#entriesBytes += dropping.entriesBytes;
        for (const { bytes } of dropping.outcomes.values()) this.#outcomesBytes -= bytes;
        return true;
      });
      if (!goesOn) return;
    }
  }

  async #compact({ database, oldestPosition, head }: SharedState): Promise<void> {
    if (this.#entriesBytes >= compactBytesMin) {
      this.#entriesBytes = 0;
      await compactRange(database, everything('entry').gte, entryKey(oldestPosition));
    }
    if (this.#outcomesBytes >= compactBytesMin) {
      this.#outcomesBytes = 0;
      await compactRange(database, everything('outcome').gte, outcomeKeyFloor(head.idFloorMs));
    }
  }
}
