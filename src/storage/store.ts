import type { AbstractLevel } from 'abstract-level';
import type { Entry, EntryHeader } from '../model/entry.js';
import type { Epoch, KeyspaceId, LogPosition, Seqno, TransactionId } from '../model/ids.js';
import type { Key, KeyRange } from '../model/keys.js';
import type { LoggedOutcome } from '../model/outcome.js';
import type { VersionedValue } from '../model/value.js';
import type { WriteSet } from '../model/write-set.js';

/** A LevelDB, or what stands for one in a test: keys and values are Buffers. */
export type Database = AbstractLevel<string | Buffer | Uint8Array, Buffer, Buffer>;

/** Opens a keyspace's database; called again after a failed write. */
export type OpenDatabase = () => Promise<Database>;

/** Where a store stands in its history. Before the genesis: position −1, seqno 0, no id. */
export interface Head {
  readonly keyspaceId: KeyspaceId | undefined;
  /** Of the last applied entry; −1 when the store is empty. */
  readonly position: number;
  readonly seqno: Seqno;
  readonly epoch: Epoch;
  readonly chainHash: Buffer;
  readonly nonce: Buffer;
  readonly logTimeMs: number;
  readonly idFloorMs: number;
}

/** What an applied entry did, for those who wait and for the indexes. */
export interface AppliedEntry {
  readonly entry: Entry;
  readonly bytes: Uint8Array;
  /** Of the entry's transactions, in order. */
  readonly writeSets: readonly WriteSet[];
  /** Per item of the entry that is a transaction or tombstone, in order. */
  readonly outcomes: readonly { readonly id: TransactionId; readonly outcome: LoggedOutcome }[];
}

export type AppliedListener = (applied: readonly AppliedEntry[], head: Head) => void;

/** Damage found at open or on a read: the store must not be served. `what` is for the operator. */
export class StoreDamaged extends Error {
  override readonly name = 'StoreDamaged';
}

/** A batch could not be evaluated or written, or it is not known whether it was; the store is halted until `recover` succeeds. */
export class ApplyFailed extends Error {
  override readonly name = 'ApplyFailed';
}

/** Entries that do not follow the head: another history, a gap, or a broken chain. Nothing was written. */
export class EntriesDoNotFollow extends Error {
  override readonly name = 'EntriesDoNotFollow';
}

/** The store, or the LevelDB that a snapshot was taken of, is closed; a new snapshot after `recover` can be read again. */
export class StoreClosed extends Error {
  override readonly name = 'StoreClosed';
}

export interface KeyspaceStore {
  readonly head: Head;
  /** What was found wrong with the store, at any read; from then on nothing more is applied and it must not be served. */
  readonly damage: string | undefined;

  /**
   * Applies entries that follow the head, in order, in one atomic synced batch: entries, data, outcomes, head. One call
   * at a time. When it resolves they are durable, `snapshot()` shows them and the listeners have been called, in this
   * order. Throws EntriesDoNotFollow, ApplyFailed (the store is then halted).
   */
  apply(entries: readonly Uint8Array[]): Promise<readonly AppliedEntry[]>;
  /**
   * After ApplyFailed: closes, reopens, verifies, syncs; what it then finds is durable, and listeners hear of entries that
   * they have not seen. Snapshots taken before are closed: their reads throw StoreClosed. Throws ApplyFailed when the
   * database cannot be opened or written (try again later), StoreDamaged when it is not what it was. Does nothing on a
   * store that is not halted.
   */
  recover(): Promise<Head>;
  /** Records who may append, durably. Throws ApplyFailed. */
  elect(nonce: Buffer): Promise<void>;
  /** The nonce of the last `elect`, also of one before a restart. */
  readonly election: Buffer | undefined;
  /** Drops the entries below `upTo` (exclusive), never the newest, and the outcomes of ids below the id floor. Throws ApplyFailed. */
  trim(upTo: LogPosition): Promise<void>;
  /** Called after each durable apply, in order. Returns its removal. */
  onApplied(listener: AppliedListener): () => void;

  /** The state at the head. Cheap: between two applies all callers share one LevelDB snapshot. Must be released. */
  snapshot(): StoreSnapshot;
  /** Undefined when the id's outcome is not in the store. */
  outcome(id: TransactionId): LoggedOutcome | undefined;
  /** Encoded entries from `from` on, whole, checksums verified, at least one when there is one, about `bytesMax` at most; none when `from` is not kept. */
  entries(from: LogPosition, bytesMax: number): Promise<Uint8Array[]>;
  /** The header of one entry that is kept. */
  entryHeader(position: LogPosition): EntryHeader | undefined;
  /** The chain hash after the entry at `position`, as long as it is kept; the zero hash for −1. */
  chainHashAt(position: number): Buffer | undefined;
  /** Keys whose expiry is not after `beforeMs`, oldest expiry first, at most `countMax`. */
  expired(beforeMs: number, countMax: number): Promise<Key[]>;
  /** The oldest position kept; head.position + 1 when none is. */
  readonly oldestPosition: number;
  close(): Promise<void>;
}

/** One state, at one seqno. Reads after `release` throw StoreClosed, damaged records StoreDamaged. */
export interface StoreSnapshot {
  readonly head: Head;
  get(key: Key): VersionedValue | undefined;
  getMany(keys: readonly Key[]): Promise<(VersionedValue | undefined)[]>;
  /** Present keys in the range, ascending or `reverse`, in pages; ends by itself at the range's end. */
  scan(range: KeyRange, options?: { reverse?: boolean }): AsyncIterable<readonly ScannedEntry[]>;
  /**
   * SHA-256 over every present key in order: key, version, kind, value, content type, expiry (docs/concepts/state-hash.md
   * gives the exact bytes, so that a reader over the API can compute it too). Works in pages and lets others run between.
   */
  stateHash(): Promise<{ readonly hash: string; readonly keys: number }>;
  release(): void;
}

export interface ScannedEntry {
  readonly key: Key;
  readonly value: VersionedValue;
}
