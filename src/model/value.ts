import type { Seqno } from './ids.js';

/** Of bytes that came without a content type. */
export const defaultContentType = 'application/octet-stream';

/** What a key holds. Bytes are what `set` wrote; a counter comes into being by an atomic mutation. */
export type Value =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly contentType: string }
  | { readonly kind: 'counter'; readonly count: bigint };

export interface VersionedValue {
  /** The seqno of the transaction that last wrote the key. */
  readonly version: Seqno;
  readonly value: Value;
  /** Log time in ms from which on an `expire` mutation deletes the key; undefined: never. */
  readonly expiresAtMs: number | undefined;
}

/** What frames a value in an answer: version, expiry, lengths. */
const frameBytes = 32;

/** Bytes that a value takes in an answer beside its key, about. */
export function valueBytes({ value }: VersionedValue): number {
  return frameBytes + (value.kind === 'bytes' ? value.bytes.length + value.contentType.length : 8);
}

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

/** Counters are int64 and saturate, so that an atomic mutation cannot fail at its place in the order. */
export function saturate(count: bigint): bigint {
  return count > int64Max ? int64Max : count < int64Min ? int64Min : count;
}

export function isInt64(count: bigint): boolean {
  return count === saturate(count);
}

export type AtomicKind = 'sum' | 'min' | 'max';

/** The counter after an atomic mutation; `before` is undefined when the key is absent. */
export function applyAtomic(kind: AtomicKind, before: bigint | undefined, operand: bigint): bigint {
  if (before === undefined) return operand;
  switch (kind) {
    case 'sum':
      return saturate(before + operand);
    case 'min':
      return operand < before ? operand : before;
    case 'max':
      return operand > before ? operand : before;
  }
}
