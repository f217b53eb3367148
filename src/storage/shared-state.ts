import type { AbstractSnapshot } from 'abstract-level';
import { assert } from '../model/assert.js';
import { StoreClosed, type Database, type Head } from './store.js';

/** The state after one apply: a LevelDB snapshot that all its readers share. Closed when the last lets it go. */
export class SharedState {
  readonly database: Database;
  readonly head: Head;
  readonly oldestPosition: number;
  readonly hashBeforeOldest: Buffer;
  readonly #snapshot: AbstractSnapshot;
  #holders = 1;
  #closed = false;

  /** Takes the snapshot now; the maker is the first holder. */
  constructor(database: Database, at: { head: Head; oldestPosition: number; hashBeforeOldest: Buffer }) {
    this.database = database;
    this.head = at.head;
    this.oldestPosition = at.oldestPosition;
    this.hashBeforeOldest = at.hashBeforeOldest;
    this.#snapshot = database.snapshot();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** For reads. Throws StoreClosed when its database was closed. */
  get snapshot(): AbstractSnapshot {
    if (this.#closed)
      throw new StoreClosed('the store was closed or recovered after this snapshot was taken');
    return this.#snapshot;
  }

  hold(): this {
    this.#holders += 1;
    return this;
  }

  release(): void {
    assert(this.#holders > 0, 'a state is released as often as it is held');
    this.#holders -= 1;
    if (this.#holders === 0) this.#close();
  }

  /** The database is about to be closed: whoever still holds this state reads no more. */
  invalidate(): void {
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Waits inside for reads in flight. Closing a snapshot cannot fail in a way that matters to anyone.
    this.#snapshot.close().catch(() => undefined);
  }
}
