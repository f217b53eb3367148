import { assert } from '../model/assert.js';
import { seqno, type Seqno, type TransactionId } from '../model/ids.js';
import { rangeContains, rangeIsEmpty, type Key, type KeyRange } from '../model/keys.js';
import type { LoggedOutcome } from '../model/outcome.js';
import { applyAtomic, type VersionedValue } from '../model/value.js';
import type { Mutation, WriteSet } from '../model/write-set.js';
import type { DecodedEntry } from './follow.js';

/** What the mutations of a group must know of the state before it. */
export interface GroupNeeds {
  /** Keys whose present record matters; no duplicates. */
  readonly keys: readonly Key[];
  /** Ranges whose present keys matter; ascending, disjoint. */
  readonly ranges: readonly KeyRange[];
}

/** The state before a group, as far as its needs go. */
export interface BaseState {
  readonly records: ReadonlyMap<Key, VersionedValue | undefined>;
  /** Present keys in the ranges. */
  readonly present: ReadonlySet<Key>;
}

export type IdentifiedOutcome = { readonly id: TransactionId; readonly outcome: LoggedOutcome };

export interface GroupEffect {
  /** Every key that the group wrote, with what it holds after it; undefined: it is absent. */
  readonly changes: ReadonlyMap<Key, VersionedValue | undefined>;
  /** Per entry, per item. */
  readonly outcomes: readonly (readonly IdentifiedOutcome[])[];
}

const noNeeds: GroupNeeds = { keys: [], ranges: [] };

function isBlind({ kind }: Mutation): boolean {
  return kind === 'set' || kind === 'delete';
}

export function needsOf(group: readonly DecodedEntry[]): GroupNeeds {
  const areBlind = (writeSet: WriteSet): boolean => writeSet.mutations.every(isBlind);
  if (group.every(({ writeSets }) => writeSets.every(areBlind))) return noNeeds;
  const keys = new Set<Key>();
  const ranges: KeyRange[] = [];
  const known = new Set<Key>();
  for (const { writeSets } of group) {
    for (const { mutations } of writeSets) for (const mutation of mutations) note(mutation);
  }
  return { keys: [...keys], ranges: mergeRanges(ranges) };

  function note(mutation: Mutation): void {
    if (mutation.kind === 'deleteRange') {
      if (!rangeIsEmpty(mutation.range)) ranges.push(mutation.range);
      return;
    }
    if (!isBlind(mutation) && !known.has(mutation.key)) keys.add(mutation.key);
    known.add(mutation.key);
  }
}

function mergeRanges(ranges: readonly KeyRange[]): KeyRange[] {
  const ascending = [...ranges].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const merged: KeyRange[] = [];
  for (const range of ascending) {
    const last = merged.at(-1);
    if (last === undefined || (last.end !== undefined && range.start > last.end)) merged.push(range);
    else if (last.end !== undefined && (range.end === undefined || range.end > last.end)) {
      merged[merged.length - 1] = { start: last.start, end: range.end };
    }
  }
  return merged;
}

/**
 * What a group of entries does, a pure function of them and of the state before: each mutation sees all before it, also
 * those of the same group. A key's version is the seqno of the transaction that wrote it.
 */
export function evaluate(group: readonly DecodedEntry[], base: BaseState): GroupEffect {
  const overlay = new Overlay(group, base);
  const ids = new Set<TransactionId>();
  const outcomes = group.map(({ entry, writeSets }) => {
    if (entry.content.kind !== 'batch') return [];
    let transaction = 0;
    return entry.content.items.map((item): IdentifiedOutcome => {
      const identified =
        item.kind === 'tombstone'
          ? { id: item.id, outcome: item.outcome }
          : commit(overlay, writeSets[transaction]!, {
              seqno: seqno(entry.firstSeqno + transaction++),
              logTimeMs: entry.logTimeMs,
            });
      assert(!ids.has(identified.id), `transaction id ${identified.id} has two outcomes in the log`);
      ids.add(identified.id);
      return identified;
    });
  });
  return { changes: overlay.changes, outcomes };
}

interface Place {
  readonly seqno: Seqno;
  readonly logTimeMs: number;
}

function commit(overlay: Overlay, writeSet: WriteSet, place: Place): IdentifiedOutcome {
  const results = writeSet.mutations.map((mutation) => mutate(overlay, mutation, place));
  const { id, contentHash } = writeSet;
  return { id, outcome: { kind: 'committed', seqno: place.seqno, contentHash, results } };
}

function expiryOf(ttlMs: number, place: Place): number | undefined {
  return ttlMs === 0 ? undefined : place.logTimeMs + ttlMs;
}

function mutate(overlay: Overlay, mutation: Mutation, place: Place): bigint | null {
  switch (mutation.kind) {
    case 'set': {
      const { key, bytes, contentType } = mutation;
      const value = { kind: 'bytes', bytes, contentType } as const;
      overlay.put(key, { version: place.seqno, value, expiresAtMs: expiryOf(mutation.ttlMs, place) });
      return null;
    }
    case 'delete':
      overlay.delete(mutation.key);
      return null;
    case 'deleteRange':
      overlay.deleteRange(mutation.range);
      return null;
    case 'expire': {
      const expiresAtMs = overlay.get(mutation.key)?.expiresAtMs;
      if (expiresAtMs === undefined || expiresAtMs > place.logTimeMs) return 0n;
      overlay.delete(mutation.key);
      return 1n;
    }
    case 'sum':
    case 'min':
    case 'max': {
      const present = overlay.get(mutation.key);
      // Certification keeps atomic mutations off bytes; if one came through, every node must still do the same.
      const before = present?.value.kind === 'counter' ? present : undefined;
      const beforeCount = before?.value.kind === 'counter' ? before.value.count : undefined;
      const count = applyAtomic(mutation.kind, beforeCount, mutation.operand);
      const expiresAtMs = expiryOf(mutation.ttlMs, place) ?? before?.expiresAtMs;
      overlay.put(mutation.key, { version: place.seqno, value: { kind: 'counter', count }, expiresAtMs });
      return count;
    }
  }
}

/** The group's writes over the state before it. */
class Overlay {
  readonly changes = new Map<Key, VersionedValue | undefined>();
  readonly #base: BaseState;
  readonly #group: readonly DecodedEntry[];
  #candidates: readonly Key[] | undefined;

  constructor(group: readonly DecodedEntry[], base: BaseState) {
    this.#group = group;
    this.#base = base;
  }

  get(key: Key): VersionedValue | undefined {
    return this.changes.has(key) ? this.changes.get(key) : this.#base.records.get(key);
  }

  put(key: Key, record: VersionedValue): void {
    this.changes.set(key, record);
  }

  delete(key: Key): void {
    this.changes.set(key, undefined);
  }

  deleteRange(range: KeyRange): void {
    if (rangeIsEmpty(range)) return;
    this.#candidates ??= this.#everyKeyThatMayBePresent();
    for (let i = lowerBound(this.#candidates, range.start); i < this.#candidates.length; i++) {
      const key = this.#candidates[i]!;
      if (!rangeContains(range, key)) return;
      if (this.changes.has(key) ? this.changes.get(key) !== undefined : this.#base.present.has(key)) {
        this.delete(key);
      }
    }
  }

  #everyKeyThatMayBePresent(): readonly Key[] {
    const keys = new Set(this.#base.present);
    for (const { writeSets } of this.#group) {
      for (const { mutations } of writeSets) {
        for (const mutation of mutations) if (mutation.kind !== 'deleteRange') keys.add(mutation.key);
      }
    }
    return [...keys].sort();
  }
}

/** The first index whose key is not below `key`. */
function lowerBound(keys: readonly Key[], key: Key): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
