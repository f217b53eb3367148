import { verifyEntryBytes, type EntryHeader } from '../model/entry.js';
import type { LogPosition, TransactionId } from '../model/ids.js';
import type { Key } from '../model/keys.js';
import { limits } from '../model/limits.js';
import type { LoggedOutcome } from '../model/outcome.js';
import type { Logger } from '../runtime/runtime.js';
import { chainHashAt } from './chain-hashes.js';
import { readEntries } from './entry-reader.js';
import { evaluate, type GroupEffect } from './evaluate.js';
import { findDue, hintHolds } from './expiry.js';
import { decodeFollowing } from './follow.js';
import { FreshIds } from './fresh-ids.js';
import { groupOperations, readBase } from './group.js';
import {
  decodeStoredOutcome,
  condemnedKey,
  electionKey,
  encodeCondemned,
  encodeElection,
  encodeFormat,
  encodeHead,
  entryKey,
  formatKey,
  headKey,
  outcomeKey,
  type HeadRecord,
} from './layout.js';
import { ReadFailed, readError } from './level-errors.js';
import { openVerified, type Opened } from './open-verified.js';
import { outcomesWritten } from './outcome-counts.js';
import { readApplied } from './recovered.js';
import { RecordCache } from './record-cache.js';
import { SharedState } from './shared-state.js';
import { SnapshotReader } from './snapshot-reader.js';
import {
  ApplyFailed,
  StoreClosed,
  StoreDamaged,
  type AppliedEntry,
  type AppliedListener,
  type Condemned,
  type Database,
  type Head,
  type Kept,
  type KeyspaceStore,
  type OpenDatabase,
  type ReplacedHistory,
  type StoreSnapshot,
} from './store.js';
import type { Dropping } from './trim.js';
import { Trimming } from './trimming.js';
import { Turns } from './turns.js';
import { writeBatch, type Operation } from './write-batch.js';

/** Rejects while the disk takes no writes (StorePlace.probe). */
type Probe = () => Promise<void>;

/**
 * Opens and verifies a keyspace's store. Without `probe`, recovering begins with closing the database, whatever its disk
 * does. Throws StoreDamaged, or LevelDB's error when it does not open.
 */
export async function openKeyspaceStore(
  openDatabase: OpenDatabase,
  logger: Logger,
  probe: Probe = () => Promise.resolve(),
): Promise<KeyspaceStore> {
  const { database, verified } = await openVerified(openDatabase);
  return new LevelKeyspaceStore({ openDatabase, probe, logger, database, verified });
}

type Condition = 'serving' | 'halted' | 'closed';

class LevelKeyspaceStore implements KeyspaceStore {
  readonly #openDatabase: OpenDatabase;
  readonly #probe: Probe;
  readonly #logger: Logger;
  readonly #turns = new Turns();
  readonly #listeners = new Set<AppliedListener>();
  readonly #records = new RecordCache(limits.recordCacheBytesMax);
  readonly #trimming = new Trimming({
    hold: () => {
      this.#expectWritable();
      return this.#state.hold();
    },
    drop: (dropping, state) => this.#drop(dropping, state),
  });
  #freshIds: FreshIds;
  #database: Database;
  /** The state at the last durable apply that listeners know of. */
  #state: SharedState;
  /** What was read at the last open, and has changed since. */
  #known: Pick<Opened['verified'], 'election' | 'condemned' | 'replaced' | 'census'>;
  #condition: Condition = 'serving';
  #damage: string | undefined;
  #halted: string | undefined;
  #writing = false;
  #staleHints: readonly Buffer[] = [];

  constructor(
    made: Opened & { readonly openDatabase: OpenDatabase; readonly probe: Probe; readonly logger: Logger },
  ) {
    this.#openDatabase = made.openDatabase;
    this.#probe = made.probe;
    this.#logger = made.logger;
    this.#database = made.database;
    this.#known = made.verified;
    this.#state = new SharedState(made.database, made.verified, this.#records);
    this.#freshIds = new FreshIds(made.verified.newestOutcomeMs);
  }

  get head(): Head {
    return this.#state.head;
  }

  get damage(): string | undefined {
    return this.#damage;
  }

  get halted(): string | undefined {
    return this.#condition === 'halted' ? this.#halted : undefined;
  }

  get underWay(): object | undefined {
    return this.#turns.current;
  }

  get replaced(): readonly ReplacedHistory[] {
    return this.#known.replaced;
  }

  get kept(): Kept {
    return this.#known.census;
  }

  get election(): Buffer | undefined {
    return this.#known.election;
  }

  get oldestPosition(): number {
    return this.#state.oldestPosition;
  }

  apply(entries: readonly Uint8Array[]): Promise<readonly AppliedEntry[]> {
    return this.#turns.take(() => this.#apply(entries));
  }

  async #apply(entries: readonly Uint8Array[]): Promise<readonly AppliedEntry[]> {
    this.#expectWritable();
    if (entries.length === 0) return [];
    const { decoded, head } = decodeFollowing(this.#state.head, entries);
    const { oldestPosition, hashBeforeOldest } = this.#state;
    const after: HeadRecord = { head, oldestPosition, hashBeforeOldest };
    const base = await this.#reading(readBase(this.#state, decoded, this.#freshIds)).catch(
      (error: unknown) => {
        throw error instanceof ReadFailed
          ? this.#halt('the state before the batch cannot be read', error)
          : error;
      },
    );
    const effect = evaluate(decoded, base);
    for (const outcomes of effect.outcomes) for (const { id } of outcomes) this.#freshIds.note(id);
    const operations = groupOperations(decoded, base, effect, after);
    const outcomes = outcomesWritten(operations);
    operations.push(...this.#known.census.spanOperations(outcomes));
    await this.#write(operations, after, effect.changes);
    this.#known.census.addEntries(decoded);
    this.#known.census.changeOutcomes(outcomes);
    const applied = decoded.map((one, i) => ({ ...one, outcomes: effect.outcomes[i]! }));
    this.#notify(applied);
    return applied;
  }

  #expectWritable(): void {
    if (this.#condition === 'closed') throw new StoreClosed('the store is closed');
    if (this.#damage !== undefined) throw new StoreDamaged(this.#damage);
    if (this.#condition === 'halted') throw new ApplyFailed('the store is halted until it has recovered');
  }

  /** One atomic synced batch, then the state `after` it. Whatever goes wrong with it leaves its outcome in doubt. */
  async #write(
    operations: readonly Operation[],
    after?: HeadRecord,
    changes: GroupEffect['changes'] = new Map(),
  ): Promise<void> {
    const hints = this.#staleHints.map((key): Operation => ({ type: 'del', key }));
    this.#staleHints = [];
    this.#writing = true;
    try {
      await writeBatch(this.#database, hints.length === 0 ? operations : [...hints, ...operations]);
      if (after !== undefined) this.#advance(after, changes);
    } catch (error) {
      throw this.#halt('the batch was not written, or perhaps it was', error);
    } finally {
      this.#writing = false;
    }
  }

  #halt(why: string, error: unknown): ApplyFailed {
    this.#condition = 'halted';
    this.#halted = `${why}: ${String(error)}`;
    this.#logger.error({ error }, `${why}; the store is halted until it has recovered`);
    return new ApplyFailed(this.#halted, { cause: error });
  }

  #advance(to: HeadRecord, changes: GroupEffect['changes']): void {
    const before = this.#state;
    this.#state = new SharedState(this.#database, to, this.#records);
    before.supersede();
    for (const [key, record] of changes) this.#records.replace(key, record);
  }

  #notify(applied: readonly AppliedEntry[]): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(applied, this.#state.head);
      } catch (error) {
        this.#logger.error({ error }, 'a listener of applied entries failed');
      }
    }
  }

  onApplied(listener: AppliedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  recover(): Promise<Head> {
    return this.#turns.take(async () => {
      if (this.#condition === 'closed') throw new StoreClosed('the store is closed');
      if (this.#condition === 'halted') await this.#recover();
      return this.#state.head;
    });
  }

  async #recover(): Promise<void> {
    // What cannot be opened again stays open, and is read.
    await this.#probe().catch((error: unknown) => {
      throw this.#notRecovered(error);
    });
    const known = this.#state.head;
    this.#state.invalidate();
    this.#staleHints = [];
    // A database that failed may fail to close too; opening it again tells whether that matters.
    await this.#database.close().catch((error: unknown) => this.#logger.warn({ error }, 'closing failed'));
    const { database, verified } = await openVerified(this.#openDatabase).catch((error: unknown) => {
      throw this.#notRecovered(error);
    });
    this.#database = database;
    this.#records.clear();
    this.#freshIds = new FreshIds(verified.newestOutcomeMs);
    try {
      const state = new SharedState(database, verified, this.#records);
      const found = await readApplied(state, known);
      const head = verified.head.keyspaceId === undefined ? undefined : encodeHead(verified);
      const written = { key: head ? headKey : formatKey, value: head ?? encodeFormat() };
      await writeBatch(database, [{ type: 'put', ...written }]);
      this.#state = state;
      this.#known = verified;
      this.#condition = 'serving';
      this.#logger.info({ position: verified.head.position, found: found.length }, 'the store has recovered');
      if (found.length > 0) this.#notify(found);
    } catch (error) {
      throw this.#notRecovered(readError(error));
    }
  }

  #notRecovered(error: unknown): Error {
    if (error instanceof StoreDamaged) return this.#noteDamage(error);
    return new ApplyFailed(`the store could not recover: ${String(error)}`, { cause: error });
  }

  #noteDamage(error: StoreDamaged): StoreDamaged {
    if (this.#damage === undefined) this.#logger.error({ damage: error.message }, 'the store is damaged');
    this.#damage ??= error.message;
    return error;
  }

  #onReadError = (error: unknown): unknown => {
    const known = readError(error);
    return known instanceof StoreDamaged ? this.#noteDamage(known) : known;
  };

  async #reading<T>(read: Promise<T>): Promise<T> {
    try {
      return await read;
    } catch (error) {
      throw this.#onReadError(error);
    }
  }

  get condemned(): Condemned | undefined {
    return this.#known.condemned;
  }

  condemn(condemned: Condemned): Promise<void> {
    return this.#turns.take(async () => {
      // What is damaged may be condemned too.
      if (this.#damage === undefined || this.#condition !== 'serving') this.#expectWritable();
      await this.#write([{ type: 'put', key: condemnedKey, value: encodeCondemned(condemned) }]);
      this.#known = { ...this.#known, condemned };
    });
  }

  elect(nonce: Buffer): Promise<void> {
    return this.#turns.take(async () => {
      this.#expectWritable();
      await this.#write([{ type: 'put', key: electionKey, value: encodeElection(nonce) }]);
      this.#known = { ...this.#known, election: Buffer.from(nonce) };
    });
  }

  trim(upTo: LogPosition, outcomesBeforeMs = Infinity): Promise<void> {
    return this.#reading(this.#trimming.trim(upTo, outcomesBeforeMs));
  }

  #drop(dropping: Dropping, { database }: SharedState): Promise<boolean> {
    return this.#turns.take(async () => {
      this.#expectWritable();
      if (database !== this.#database) return false;
      const { oldestPosition, hashBeforeOldest } = dropping;
      const after: HeadRecord = { head: this.#state.head, oldestPosition, hashBeforeOldest };
      const counts = this.#known.census.spanOperations(dropping.outcomes);
      const isAt: Operation = { type: 'put', key: headKey, value: encodeHead(after) };
      await this.#write([...dropping.operations, ...counts, isAt], after);
      this.#known.census.dropEntries(oldestPosition - dropping.from, dropping.entriesBytes);
      this.#known.census.changeOutcomes(dropping.outcomes);
      return true;
    });
  }

  snapshot(): StoreSnapshot {
    if (this.#state.closed) throw new StoreClosed('the store is closed, or recovers from a failed write');
    return new SnapshotReader(this.#state.hold(), this.#onReadError);
  }

  outcome(id: TransactionId): LoggedOutcome | undefined {
    if (!this.#state.closed && this.#freshIds.isFresh(id)) return undefined;
    const at = outcomeKey(id);
    return this.#read(at, (record) => decodeStoredOutcome(at, record));
  }

  #read<T>(at: Buffer, decode: (record: Buffer) => T): T | undefined {
    try {
      const record = this.#state.read(at);
      return record === undefined ? undefined : decode(record);
    } catch (error) {
      throw this.#onReadError(error);
    }
  }

  async entries(from: LogPosition, bytesMax: number): Promise<Uint8Array[]> {
    const state = this.#state.hold();
    return this.#reading(readEntries(state, from, bytesMax)).finally(() => state.release());
  }

  entryHeader(position: LogPosition): EntryHeader | undefined {
    return this.#read(entryKey(position), verifyEntryBytes);
  }

  chainHashAt(position: number): Buffer | undefined {
    try {
      return chainHashAt(this.#state, position);
    } catch (error) {
      throw this.#onReadError(error);
    }
  }

  async expired(beforeMs: number, countMax: number): Promise<Key[]> {
    const state = this.#state.hold();
    try {
      const { due, stale, isCutShort } = await this.#reading(findDue(state, beforeMs, countMax));
      // Judged again against the state that the next batch will follow: by then a hint may have become true.
      if (!this.#writing) this.#staleHints = stale.filter((hint) => !hintHolds(this.#state, hint));
      if (isCutShort) await this.#dropStaleHints();
      return [...due];
    } finally {
      state.release();
    }
  }

  /** On a keyspace where nothing else is written; else they would hide what is due behind them for ever. */
  #dropStaleHints(): Promise<void> {
    return this.#turns.take(async () => {
      this.#expectWritable();
      if (this.#staleHints.length > 0) await this.#write([], this.#state);
    });
  }

  close(): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#condition === 'closed') return;
      this.#condition = 'closed';
      this.#state.invalidate();
      await this.#database.close();
    });
  }
}
