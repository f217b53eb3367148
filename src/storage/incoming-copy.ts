import type { Database, Head, ReplacedHistory, Row } from './store.js';

/** What a copy is of: a donor's state at one position. */
export interface CopyOrigin {
  /** Names the donor's pinned snapshot; 16 bytes. */
  readonly transferId: Buffer;
  readonly head: Head;
  readonly replaced: readonly ReplacedHistory[];
  /** An operator gave up the store that it is to take the place of, whatever that is. */
  readonly givenUp?: true;
}

/** A part of a copy: rows in the order of their keys. Chunks are numbered 1, 2, 3 … */
export interface CopyChunk {
  readonly number: number;
  readonly rows: readonly Row[];
  /** What `unpackRows` made the rows of. */
  readonly packed: Uint8Array;
  /** SHA-256 of `packed`, as the donor says. */
  readonly hash: Buffer;
}

/** How far a copy is. */
export interface CopyProgress {
  readonly chunks: number;
  readonly rows: number;
  readonly bytes: number;
  /** The key of the last row; undefined before the first chunk. */
  readonly lastKey: Buffer | undefined;
  /** Up to where entries that follow the origin's head are stored with it. */
  readonly entriesTo: { readonly position: number; readonly hash: Buffer };
}

/**
 * A copy of a keyspace that is being brought in. Rows, chunk records and progress go in one batch, so that it is gone on with
 * where it stands after any break; entries that follow the origin's head are kept beside until the rows are whole. It is no
 * store before `finish`, which trusts nothing: it reads every row back and verifies every chunk.
 */
export interface IncomingCopy {
  readonly origin: CopyOrigin;
  readonly progress: CopyProgress;
  /** `finish` has succeeded, perhaps before a restart: no more chunks, only `replay` is left. */
  readonly isWhole: boolean;
  /** Throws StoreDamaged when the chunk is not the next one, or its rows are not what its hash says. */
  addChunk(chunk: CopyChunk): Promise<void>;
  /** Throws EntriesDoNotFollow. What is already there may come again. */
  addEntries(entries: readonly Uint8Array[]): Promise<void>;
  /**
   * All chunks are there (does nothing on a copy that is whole): moves LevelDB's log into its tables, reopens the database, reads everything back, verifies that
   * chunks are dense, whole and `chunks` in number, and writes the head record: a store now, of the origin's head, without
   * entries. Throws StoreDamaged (the copy is then to be dropped).
   */
  finish(chunks: number): Promise<void>;
  /**
   * After `finish`: applies the stored entries, in groups, and drops them from the copy, which is then a store and no copy
   * any more, and closed. `onProgress`: the position reached.
   */
  replay(onProgress: (position: number) => void): Promise<Head>;
  close(): Promise<void>;
}

export type OpenIncoming = () => Promise<Database>;
