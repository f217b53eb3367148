import { keyAfter, type Key, type KeyRange } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { valueBytes, type VersionedValue } from '../model/value.js';
import type { ScannedEntry, StoreSnapshot } from '../storage/store.js';
import type { WriteBuffer } from './write-buffer.js';

export interface RangeRead {
  readonly entries: readonly ScannedEntry[];
  /** What was not scanned; undefined when the whole range was. */
  readonly rest: KeyRange | undefined;
}

export interface PageOptions {
  /** Entries at the most, 1 or more. */
  readonly limit: number;
  readonly reverse: boolean;
  /** Of keys and values; `limits.pageBytesMax` when it is not given. */
  readonly bytesMax?: number;
}

/** Reads a page of a range: as many entries as fit the limit and the bytes, one at least. */
export async function readPage(
  snapshot: StoreSnapshot,
  range: KeyRange,
  options: PageOptions,
): Promise<RangeRead> {
  const page = new Page(options);
  for await (const entries of snapshot.scan(range, { reverse: options.reverse })) {
    for (const entry of entries) if (!page.add(entry)) return page.endingEarly(range, options.reverse);
  }
  return { entries: page.entries, rest: undefined };
}

/** Keys that are read at a time, so that values too large for an answer are not all held. */
const keysAtOnce = 32;

/** The values of keys, in order; undefined when they are more than `limits.pageBytesMax`. */
export async function readKeys(
  snapshot: StoreSnapshot,
  keys: readonly Key[],
): Promise<(VersionedValue | undefined)[] | undefined> {
  const values: (VersionedValue | undefined)[] = [];
  let bytes = 0;
  while (values.length < keys.length) {
    const from = values.length;
    for (const value of await snapshot.getMany(keys.slice(from, from + keysAtOnce))) {
      if (value !== undefined) bytes += entryBytes({ key: keys[values.length]!, value });
      values.push(value);
    }
    if (bytes > limits.pageBytesMax) return undefined;
  }
  return values;
}

/** A page of a range with a transaction's own writes laid over it. */
export async function readPageWithOwnWrites(
  snapshot: StoreSnapshot,
  buffer: WriteBuffer,
  range: KeyRange,
  options: PageOptions,
): Promise<RangeRead> {
  if (!buffer.touchesRange(range)) return readPage(snapshot, range, options);
  const page = new Page(options);
  for await (const entry of merged(snapshot, buffer, range, options.reverse)) {
    const value = buffer.overlay(entry.key, entry.value);
    if (value !== undefined && !page.add({ key: entry.key, value }))
      return page.endingEarly(range, options.reverse);
  }
  return { entries: page.entries, rest: undefined };
}

/** Keys of the snapshot and of the buffer, each once, in order, with the snapshot's value. */
async function* merged(
  snapshot: StoreSnapshot,
  buffer: WriteBuffer,
  range: KeyRange,
  reverse: boolean,
): AsyncIterable<{ key: Key; value: VersionedValue | undefined }> {
  const own = buffer.keysIn(range);
  if (reverse) own.reverse();
  let next = 0;
  const isBefore = (a: Key, b: Key): boolean => (reverse ? a > b : a < b);
  for await (const entries of snapshot.scan(range, { reverse })) {
    for (const entry of entries) {
      while (next < own.length && isBefore(own[next]!, entry.key))
        yield { key: own[next++]!, value: undefined };
      if (own[next] === entry.key) next += 1;
      yield entry;
    }
  }
  while (next < own.length) yield { key: own[next++]!, value: undefined };
}

class Page {
  readonly entries: ScannedEntry[] = [];
  readonly #limit: number;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor({ limit, bytesMax = limits.pageBytesMax }: PageOptions) {
    this.#limit = limit;
    this.#bytesMax = bytesMax;
  }

  /** False when the entry belongs to the next page. */
  add(entry: ScannedEntry): boolean {
    const bytes = entryBytes(entry);
    const isFull = this.entries.length >= this.#limit || this.#bytes + bytes > this.#bytesMax;
    if (isFull && this.entries.length > 0) return false;
    this.entries.push(entry);
    this.#bytes += bytes;
    return true;
  }

  endingEarly(range: KeyRange, reverse: boolean): RangeRead {
    const last = this.entries.at(-1)!.key;
    const rest = reverse ? { start: range.start, end: last } : { start: keyAfter(last), end: range.end };
    return { entries: this.entries, rest };
  }
}

/** Bytes that an entry takes in an answer, about. */
export function entryBytes({ key, value }: ScannedEntry): number {
  return key.length + valueBytes(value);
}

/** The part of `range` that a page has scanned: what it read, absent keys included. */
export function scannedRange(range: KeyRange, read: RangeRead, reverse: boolean): KeyRange {
  if (read.rest === undefined) return range;
  return reverse ? { start: read.rest.end!, end: range.end } : { start: range.start, end: read.rest.start };
}
