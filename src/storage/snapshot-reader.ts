import type { Key, KeyRange } from '../model/keys.js';
import { firstKey, rangeIsEmpty } from '../model/keys.js';
import { StateHasher } from '../model/state-hash.js';
import type { VersionedValue } from '../model/value.js';
import {
  dataKey,
  decodeData,
  decodeStoredOutcome,
  everything,
  idOfOutcomeKey,
  keyOfDataKey,
  outcomeKeyFloor,
} from './layout.js';
import { estimateRowsBytes, readRows } from './rows.js';
import type { SharedState } from './shared-state.js';
import {
  StoreClosed,
  type Head,
  type Row,
  type ScannedEntry,
  type StoredOutcome,
  type StoreSnapshot,
} from './store.js';

const pageKeysMin = 64;
const pageKeysMax = 1024;
const pageBytesMax = 1024 * 1024;

/** Told of every failed read; returns the error to throw. */
export type OnReadError = (error: unknown) => unknown;

/** A reader's own hold on a shared state. */
export class SnapshotReader implements StoreSnapshot {
  readonly head: Head;
  readonly #state: SharedState;
  readonly #onReadError: OnReadError;
  #released = false;

  /** Takes over one hold on `state`. */
  constructor(state: SharedState, onReadError: OnReadError) {
    this.head = state.head;
    this.#state = state;
    this.#onReadError = onReadError;
  }

  #readable(): SharedState {
    if (this.#released) throw new StoreClosed('the snapshot was released');
    return this.#state;
  }

  get(key: Key): VersionedValue | undefined {
    try {
      return this.#readable().record(key);
    } catch (error) {
      throw this.#onReadError(error);
    }
  }

  async getMany(keys: readonly Key[]): Promise<(VersionedValue | undefined)[]> {
    const { database, snapshot } = this.#readable();
    try {
      const at = keys.map(dataKey);
      const records = await database.getMany(at, { snapshot });
      return records.map((record, i) => (record === undefined ? undefined : decodeData(at[i]!, record)));
    } catch (error) {
      throw this.#onReadError(error);
    }
  }

  async *scan(range: KeyRange, options?: { reverse?: boolean }): AsyncIterable<readonly ScannedEntry[]> {
    if (rangeIsEmpty(range)) return;
    const { database, snapshot } = this.#readable();
    const iterator = database.iterator({
      ...dataRange(range),
      reverse: options?.reverse === true,
      snapshot,
      fillCache: false,
      highWaterMarkBytes: pageBytesMax,
    } as object);
    try {
      for (let size = pageKeysMin; ; size = Math.min(size * 2, pageKeysMax)) {
        const rows = await iterator.nextv(size);
        if (rows.length === 0) return;
        yield rows.map(([at, record]) => ({ key: keyOfDataKey(at), value: decodeData(at, record) }));
        this.#readable();
      }
    } catch (error) {
      throw this.#onReadError(error);
    } finally {
      await iterator.close();
    }
  }

  async *outcomes(sinceMs: number): AsyncIterable<readonly StoredOutcome[]> {
    const { database, snapshot } = this.#readable();
    const range = { gte: outcomeKeyFloor(sinceMs), lt: everything('outcome').lt };
    const options = { ...range, snapshot, fillCache: false, highWaterMarkBytes: pageBytesMax };
    const iterator = database.iterator(options as object);
    try {
      for (;;) {
        const rows = await iterator.nextv(pageKeysMax);
        if (rows.length === 0) return;
        yield rows.map(([at, record]) => ({
          id: idOfOutcomeKey(at),
          outcome: decodeStoredOutcome(at, record),
        }));
        this.#readable();
      }
    } catch (error) {
      throw this.#onReadError(error);
    } finally {
      await iterator.close();
    }
  }

  async stateHash(): Promise<{ readonly hash: string; readonly keys: number }> {
    const hasher = new StateHasher();
    for await (const page of this.scan({ start: firstKey, end: undefined })) {
      for (const { key, value } of page) hasher.add(key, value);
    }
    return hasher.digest();
  }

  async rows(after: Buffer | undefined, bytesMax: number): Promise<readonly Row[]> {
    const { database, snapshot } = this.#readable();
    try {
      return await readRows({ database, snapshot }, after, bytesMax);
    } catch (error) {
      throw this.#onReadError(error);
    }
  }

  async rowsBytes(): Promise<number> {
    const { database, snapshot } = this.#readable();
    try {
      return await estimateRowsBytes({ database, snapshot });
    } catch (error) {
      throw this.#onReadError(error);
    }
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#state.release();
  }
}

/** Where a range of keys lies in the database. */
export function dataRange(range: KeyRange): { readonly gte: Buffer; readonly lt: Buffer } {
  return {
    gte: dataKey(range.start),
    lt: range.end === undefined ? everything('data').lt : dataKey(range.end),
  };
}
