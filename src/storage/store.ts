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

/** A history that the present one took the place of, by `recover`: its copies are refused, and are no danger. */
export interface ReplacedHistory {
  readonly keyspaceId: KeyspaceId;
  /** Where the copy stood that the present history began with. */
  readonly position: number;
  readonly seqno: Seqno;
}

/** A record as it lies in the database; the value of a data or outcome record carries its own checksum. */
export interface Row {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** That a consistency check found a copy to differ from the others. */
export interface Condemned {
  /** For the operator. */
  readonly why: string;
  /** Wall clock, ms. */
  readonly sinceMs: number;
}

/** What a store keeps beside the data. Sizes are of keys and values as they were written. */
export interface Kept {
  readonly oldestPosition: number;
  readonly entriesBytes: number;
  readonly outcomes: number;
  readonly outcomesBytes: number;
  /** The lowest position from which the entries up to the head are at most `bytesMax`; about a MiB too high at the most. */
  positionWithin(bytesMax: number): number;
  /** At most the lowest kept position whose log time is `logTimeMs` or later; about a MiB of entries too low at the most. */
  positionSince(logTimeMs: number): number;
  /** The time of ids, to the minute and upward, from which on the outcomes are at most `bytesMax`; 0 when all are. */
  outcomesSince(bytesMax: number): number;
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
  /** Why nothing can be applied now: a batch failed, and `recover` has not succeeded yet. For the operator. */
  readonly halted: string | undefined;
  /** What is being done on the disk for a change of the store, another object each time; undefined while nothing is. */
  readonly underWay: object | undefined;
  /** This copy must not be served. It outlives restarts, and goes with the copy. */
  readonly condemned: Condemned | undefined;
  /** Oldest first. */
  readonly replaced: readonly ReplacedHistory[];
  readonly kept: Kept;

  /**
   * Applies entries that follow the head, in order, in one atomic synced batch: entries, data, outcomes, head. One call
   * at a time. When it resolves they are durable, `snapshot()` shows them and the listeners have been called, in this
   * order. Throws EntriesDoNotFollow, ApplyFailed (the store is then halted).
   */
  apply(entries: readonly Uint8Array[]): Promise<readonly AppliedEntry[]>;
  /**
   * After ApplyFailed, once the disk takes writes: closes, reopens, verifies, syncs; what it then finds is durable, and
   * listeners hear of entries that they have not seen. Snapshots taken before are then closed: their reads throw StoreClosed.
   * Until then the store is read as it was before the failure. Throws ApplyFailed when the disk takes no writes, or the
   * database cannot be opened or written (try again later), StoreDamaged when it is not what it was. Does nothing on a
   * store that is not halted.
   */
  recover(): Promise<Head>;
  /** Records who may append, durably. Throws ApplyFailed. */
  elect(nonce: Buffer): Promise<void>;
  /** From then on `condemned`, durably. Throws ApplyFailed. */
  condemn(condemned: Condemned): Promise<void>;
  /** The nonce of the last `elect`, also of one before a restart. */
  readonly election: Buffer | undefined;
  /**
   * Drops entries below `upTo` (exclusive), never the newest, limits.trimEntriesMax at most, and outcomes of ids below the
   * id floor and `outcomesBeforeMs`. The chain hashes of dropped entries stay, limits.chainHashesMax of them. Throws ApplyFailed.
   */
  trim(upTo: LogPosition, outcomesBeforeMs?: number): Promise<void>;
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
  /** The chain hash after the entry at `position`, as long as it is kept (longer than the entry); the zero hash for −1. */
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
  /** Outcomes of ids made at `sinceMs` or later, in the order of the ids, in pages. */
  outcomes(sinceMs: number): AsyncIterable<readonly StoredOutcome[]>;
  /**
   * All rows that a copy of this state is made of (data, expiry hints, outcomes), in the order of their database keys, after
   * `after` (undefined: from the first): about `bytesMax` of them, one at least when there is one; none at the end.
   */
  rows(after: Buffer | undefined, bytesMax: number): Promise<readonly Row[]>;
  /** Of all rows, roughly, in bytes; for progress alone. */
  rowsBytes(): Promise<number>;
  release(): void;
}

export interface StoredOutcome {
  readonly id: TransactionId;
  readonly outcome: LoggedOutcome;
}

export interface ScannedEntry {
  readonly key: Key;
  readonly value: VersionedValue;
}
