import { failure, type Failure } from '../model/errors.js';
import { describeKey, rangeIsEmpty, type Key, type KeyRange } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { isInt64 } from '../model/value.js';
import type { MutationRequest } from './service.js';

/** What is wrong with a key, or undefined. */
export function invalidKey(key: Key): Failure | undefined {
  if (key.length === 0)
    return failure('INVALID_ARGUMENT', 'a key must not be empty', { details: { field: 'key' } });
  if (key.length <= limits.keyBytesMax) return undefined;
  const details = { limit: limits.keyBytesMax, size: key.length };
  return failure('KEY_TOO_LARGE', `a key has ${key.length} bytes, the limit is ${limits.keyBytesMax}`, {
    details,
  });
}

/** Bounds of a range may be one byte longer than a key, so that the key after the longest one can be named. */
export function invalidRange(range: KeyRange): Failure | undefined {
  for (const bound of [range.start, range.end ?? '']) {
    if (bound.length > limits.keyBytesMax + 1) {
      const details = { limit: limits.keyBytesMax + 1, size: bound.length };
      return failure('KEY_TOO_LARGE', `a bound of a range has ${bound.length} bytes`, { details });
    }
  }
  if (!rangeIsEmpty(range)) return undefined;
  const bounds = `from ${describeKey(range.start)} to ${describeKey(range.end!)}`;
  return failure('INVALID_ARGUMENT', `the range ${bounds} is empty`, { details: { field: 'end' } });
}

export function invalidMutation(mutation: MutationRequest): Failure | undefined {
  if (mutation.kind === 'deleteRange') return invalidRange(mutation.range);
  const key = invalidKey(mutation.key);
  if (key !== undefined || mutation.kind === 'delete') return key;
  const ttl = invalidTtl(mutation.ttlMs);
  if (ttl !== undefined) return ttl;
  if (mutation.kind !== 'set') {
    const details = { field: mutation.kind };
    return isInt64(mutation.operand)
      ? undefined
      : failure('INVALID_ARGUMENT', 'the operand is no int64', { details });
  }
  return invalidValue(mutation.bytes, mutation.contentType);
}

function invalidTtl(ttlMs: number | undefined): Failure | undefined {
  if (ttlMs === undefined) return undefined;
  if (Number.isSafeInteger(ttlMs) && ttlMs > 0 && ttlMs <= limits.ttlMsMax) return undefined;
  const message = `a ttl must be above 0 and at most ${limits.ttlMsMax / 1000} seconds`;
  return failure('INVALID_ARGUMENT', message, { details: { field: 'ttl' } });
}

function invalidValue(bytes: Uint8Array, contentType: string): Failure | undefined {
  if (bytes.length > limits.valueBytesMax) {
    const details = { limit: limits.valueBytesMax, size: bytes.length };
    return failure(
      'VALUE_TOO_LARGE',
      `a value has ${bytes.length} bytes, the limit is ${limits.valueBytesMax}`,
      {
        details,
      },
    );
  }
  if (/^[\x20-\x7e]*$/.test(contentType) && contentType.length <= limits.contentTypeBytesMax)
    return undefined;
  const message = `a content type must be printable ASCII of at most ${limits.contentTypeBytesMax} characters`;
  return failure('INVALID_ARGUMENT', message, { details: { field: 'contentType' } });
}

export function tooLarge(what: string, size: number, limit: number): Failure {
  return failure('TRANSACTION_TOO_LARGE', `${what}: ${size}, the limit is ${limit}`, {
    details: { limit, size },
  });
}
