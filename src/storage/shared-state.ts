import type { AbstractSnapshot } from 'abstract-level';
import { assert } from '../model/assert.js';
import type { Key } from '../model/keys.js';
import type { VersionedValue } from '../model/value.js';
import { dataKey, decodeData } from './layout.js';
import type { RecordCache } from './record-cache.js';
import { StoreClosed, type Database, type Head } from './store.js';

/** The state after one apply: a LevelDB snapshot that all its readers share. Closed when the last lets it go. */
export class SharedState {
  readonly database: Database;
  readonly head: Head;
  readonly oldestPosition: number;
  readonly hashBeforeOldest: Buffer;
  readonly #snapshot: AbstractSnapshot;
  readonly #records: RecordCache;
  /** With its encodings named, which keeps abstract-level from cloning it at every read. */
  readonly #readOptions: object;
  #isNewest = true;
  #holders = 1;
  #closed = false;

  /** Takes the snapshot now; the maker is the first holder. `records` are those of the newest state of this database. */
  constructor(
    database: Database,
    at: { head: Head; oldestPosition: number; hashBeforeOldest: Buffer },
    records: RecordCache,
  ) {
    this.database = database;
    this.#records = records;
    this.head = at.head;
    this.oldestPosition = at.oldestPosition;
    this.hashBeforeOldest = at.hashBeforeOldest;
    this.#snapshot = database.snapshot();
    this.#readOptions = { snapshot: this.#snapshot, keyEncoding: 'buffer', valueEncoding: 'buffer' };
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

  /** A record of the database, by its key there. Throws StoreClosed. */
  read(at: Buffer): Buffer | undefined {
    void this.snapshot;
    return this.database.getSync(at, this.#readOptions);
  }

  /** What the key holds. Throws StoreClosed, StoreDamaged, and what reading throws. */
  record(key: Key): VersionedValue | undefined {
    const known = this.#closed ? undefined : this.#records.get(key);
    // Its last write: if that is not above this state's seqno, the key has held it since.
    if (known !== undefined && known.version <= this.head.seqno) return known;
    const at = dataKey(key);
    const bytes = this.read(at);
    if (bytes === undefined) return undefined;
    const record = decodeData(at, bytes);
    if (this.#isNewest && known === undefined) this.#records.add(key, record);
    return record;
  }

  /** A newer state takes its place. */
  supersede(): void {
    this.#isNewest = false;
    this.release();
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
