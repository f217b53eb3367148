import type { Failure, Result } from '../../src/model/errors.js';
import { keyFromText, type Key } from '../../src/model/keys.js';
import type { VersionedValue } from '../../src/model/value.js';
import { seqno } from '../../src/model/ids.js';
import type { Check, Freshness, MutationRequest, TransactRequest } from '../../src/transaction/service.js';

/** No wait for anything newer than what is there. */
export const local: Freshness = { causal: false, token: undefined, timeoutMs: 5000 };
export const causal: Freshness = { ...local, causal: true };

export function key(text: string): Key {
  return keyFromText(text);
}

export function put(text: string, value = 'value', ttlMs?: number): MutationRequest {
  return { kind: 'set', key: key(text), bytes: Buffer.from(value), contentType: 'text/plain', ttlMs };
}

export function remove(text: string): MutationRequest {
  return { kind: 'delete', key: key(text) };
}

export function removeRange(start: string, end?: string): MutationRequest {
  return { kind: 'deleteRange', range: { start: key(start), end: end === undefined ? undefined : key(end) } };
}

export function add(text: string, operand = 1n): MutationRequest {
  return { kind: 'sum', key: key(text), operand, ttlMs: undefined };
}

export function absent(text: string): Check {
  return { key: key(text), expect: 'absent' };
}

export function present(text: string): Check {
  return { key: key(text), expect: 'present' };
}

export function atVersion(text: string, version: number): Check {
  return { key: key(text), expect: { version: seqno(version) } };
}

/** A one-shot request; its content is its mutations, in a form of this module's own. */
export function oneShot(request: Partial<TransactRequest>): TransactRequest {
  const content = [
    JSON.stringify(request.mutations ?? [], (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)),
  ];
  const nothing = { reads: [], checks: [], mutations: [] };
  return {
    ...local,
    id: undefined,
    mayBeRetry: false,
    isolation: 'serializable',
    content,
    ...nothing,
    ...request,
  };
}

export function textOf(value: VersionedValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  return value.value.kind === 'bytes' ? Buffer.from(value.value.bytes).toString() : String(value.value.count);
}

/** The value of a result that must be a success. */
export function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}

/** The failure of a result that must be one. */
export function failureOf(result: Result<unknown>): Failure {
  if (result.ok) throw new Error('it succeeded');
  return result.failure;
}
