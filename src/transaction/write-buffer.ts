import { assertNever } from '../model/assert.js';
import { seqno } from '../model/ids.js';
import { rangeContains, rangesOverlap, type Key, type KeyRange } from '../model/keys.js';
import { applyAtomic, type VersionedValue } from '../model/value.js';
import type { MutationRequest } from './service.js';

/** The version that a read of the transaction's own, uncommitted write shows. */
const ownVersion = seqno(0);

/** The mutations of a transaction so far, and what its own reads see of them. */
export class WriteBuffer {
  readonly #mutations: MutationRequest[] = [];
  readonly #byKey = new Map<Key, number[]>();
  readonly #ranges: { readonly at: number; readonly range: KeyRange }[] = [];

  get mutations(): readonly MutationRequest[] {
    return this.#mutations;
  }

  add(mutation: MutationRequest): void {
    const at = this.#mutations.push(mutation) - 1;
    if (mutation.kind === 'deleteRange') {
      this.#ranges.push({ at, range: mutation.range });
      return;
    }
    const indexes = this.#byKey.get(mutation.key);
    if (indexes === undefined) this.#byKey.set(mutation.key, [at]);
    else indexes.push(at);
  }

  /** Whether a read of the key depends on the snapshot: not after the transaction's own plain write of it. */
  readsSnapshot(key: Key): boolean {
    return !this.#touching(key).some((mutation) => ['set', 'delete', 'deleteRange'].includes(mutation.kind));
  }

  /** Keys in the range that the buffer touches by name, ascending. */
  keysIn(range: KeyRange): Key[] {
    return [...this.#byKey.keys()]
      .filter((key) => rangeContains(range, key))
      .sort((a, b) => (a < b ? -1 : 1));
  }

  touchesRange(range: KeyRange): boolean {
    return (
      this.#ranges.some((deleted) => rangesOverlap(deleted.range, range)) || this.keysIn(range).length > 0
    );
  }

  /** The key's value as the transaction sees it, given the snapshot's. */
  overlay(key: Key, base: VersionedValue | undefined): VersionedValue | undefined {
    return this.#touching(key).reduce(effect, base);
  }

  /** The mutations that touch a key, in order. */
  #touching(key: Key): MutationRequest[] {
    const byName = this.#byKey.get(key) ?? [];
    if (this.#ranges.length === 0) return byName.map((at) => this.#mutations[at]!);
    const byRange = this.#ranges.filter(({ range }) => rangeContains(range, key)).map(({ at }) => at);
    return [...byName, ...byRange].sort((a, b) => a - b).map((at) => this.#mutations[at]!);
  }
}

function effect(before: VersionedValue | undefined, mutation: MutationRequest): VersionedValue | undefined {
  switch (mutation.kind) {
    case 'set': {
      const { bytes, contentType } = mutation;
      return { version: ownVersion, value: { kind: 'bytes', bytes, contentType }, expiresAtMs: undefined };
    }
    case 'delete':
    case 'deleteRange':
      return undefined;
    case 'sum':
    case 'min':
    case 'max': {
      const count = before?.value.kind === 'counter' ? before.value.count : undefined;
      const value = { kind: 'counter', count: applyAtomic(mutation.kind, count, mutation.operand) } as const;
      return { version: ownVersion, value, expiresAtMs: before?.expiresAtMs };
    }
    default:
      return assertNever(mutation);
  }
}
