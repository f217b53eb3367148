import type { Check, MutationRequest } from '../model/request.js';
import { seqno } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { AtomicKind } from '../model/value.js';
import { errorOf } from './errors.js';
import { toKey, toRange, type KeyInput, type Selector } from './keys.js';
import type { ExpiryOptions, SetOptions } from './options.js';
import { encodeValue, toOperand } from './values.js';

/** A key as it has to be: at a version, or simply absent or present. */
export type Expectation = number | 'absent' | 'present';

/** What `get` returned, or as much of it as says which version is meant. */
export interface Seen {
  readonly key: KeyInput;
  readonly version: number;
}

export function setOf(key: KeyInput, value: unknown, options?: SetOptions): MutationRequest {
  const { bytes, contentType } = encodeValue(value, options?.contentType);
  return { kind: 'set', key: toKey(key), bytes, contentType, ttlMs: ttlOf(options) };
}

export function deleteOf(key: KeyInput): MutationRequest {
  return { kind: 'delete', key: toKey(key) };
}

export function deleteRangeOf(selector: Selector): MutationRequest {
  return { kind: 'deleteRange', range: toRange(selector) };
}

export function atomicOf(
  kind: AtomicKind,
  key: KeyInput,
  operand: number | bigint,
  options?: ExpiryOptions,
): MutationRequest {
  return { kind, key: toKey(key), operand: toOperand(operand), ttlMs: ttlOf(options) };
}

export function checkOf(key: KeyInput | Seen, expected?: Expectation): Check {
  if (typeof key === 'object' && !(key instanceof Uint8Array)) {
    return { key: toKey(key.key), expect: { version: seqno(key.version) } };
  }
  if (expected === undefined) throw new TypeError('a check takes a version, "absent" or "present"');
  return { key: toKey(key), expect: typeof expected === 'number' ? { version: seqno(expected) } : expected };
}

function ttlOf(options: ExpiryOptions | undefined): number | undefined {
  const ttlMs = options?.ttlMs;
  if (ttlMs === undefined) return undefined;
  if (!Number.isSafeInteger(ttlMs) || ttlMs < 1)
    throw new TypeError('ttlMs is a whole number of ms from 1 on');
  return ttlMs;
}

/** Throws TRANSACTION_TOO_LARGE above the number that a transaction may have; the node judges its bytes. */
export function refuseTooMany(mutations: readonly MutationRequest[]): void {
  const size = mutations.length;
  const limit = limits.mutationsMax;
  if (size <= limit) return;
  const message = `${size} mutations; ${limit} is the limit`;
  throw errorOf({ code: 'TRANSACTION_TOO_LARGE', message, details: { limit, size } });
}
