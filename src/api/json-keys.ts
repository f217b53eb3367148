import { succeed, type Result } from '../model/errors.js';
import {
  firstKey,
  hasLoneSurrogate,
  keyFromBytes,
  keyFromText,
  keyToBytes,
  keyToText,
  prefixRange,
  rangeIsEmpty,
  type Key,
  type KeyRange,
} from '../model/keys.js';
import { limits } from '../model/limits.js';
import { decodeBase64 } from './base64.js';
import { invalid, keyTooLarge } from './invalid.js';

/** `T | undefined` as well as absent, as JSON and parsed query strings come. */
export interface KeyFields {
  readonly key?: string | undefined;
  readonly keyBase64?: string | undefined;
}

export interface RangeFields {
  readonly prefix?: string | undefined;
  readonly prefixBase64?: string | undefined;
  readonly start?: string | undefined;
  readonly startBase64?: string | undefined;
  readonly end?: string | undefined;
  readonly endBase64?: string | undefined;
}

/** The key given as exactly one of `key` and `keyBase64`, 1 to keyBytesMax bytes. `at`: the object's place in the request. */
export function keyOf(at: string, fields: KeyFields): Result<Key> {
  const key = bytesOf(at, 'key', fields.key, fields.keyBase64);
  if (!key.ok) return key;
  if (key.value === undefined) return invalid(join(at, 'key'), 'one of key and keyBase64 is required');
  if (key.value.length === 0) return invalid(join(at, 'key'), 'must not be empty');
  return succeed(key.value);
}

export function hasRange(fields: RangeFields): boolean {
  return (
    fields.prefix !== undefined ||
    fields.prefixBase64 !== undefined ||
    fields.start !== undefined ||
    fields.startBase64 !== undefined ||
    fields.end !== undefined ||
    fields.endBase64 !== undefined
  );
}

/** A prefix, or a range whose `start` and `end` may each be left out. Nothing given is every key. */
export function rangeOf(at: string, fields: RangeFields): Result<KeyRange> {
  const prefix = bytesOf(at, 'prefix', fields.prefix, fields.prefixBase64);
  const start = bytesOf(at, 'start', fields.start, fields.startBase64);
  const end = bytesOf(at, 'end', fields.end, fields.endBase64);
  if (!prefix.ok) return prefix;
  if (!start.ok) return start;
  if (!end.ok) return end;
  if (prefix.value !== undefined) {
    if (start.value !== undefined || end.value !== undefined) {
      return invalid(join(at, 'prefix'), 'excludes start and end');
    }
    return succeed(prefixRange(prefix.value));
  }
  const range = { start: start.value ?? firstKey, end: end.value };
  return rangeIsEmpty(range) ? invalid(join(at, 'end'), 'must be above start') : succeed(range);
}

function bytesOf(
  at: string,
  name: string,
  text: string | undefined,
  base64: string | undefined,
): Result<Key | undefined> {
  const field = join(at, name);
  if (text !== undefined && base64 !== undefined) return invalid(field, `excludes ${name}Base64`);
  if (text === undefined && base64 === undefined) return succeed(undefined);
  if (text !== undefined && hasLoneSurrogate(text)) return invalid(field, 'has a lone surrogate');
  const bytes = base64 === undefined ? undefined : decodeBase64(base64);
  if (base64 !== undefined && bytes === undefined) return invalid(`${field}Base64`, 'is not base64');
  const key = bytes === undefined ? keyFromText(text!) : keyFromBytes(bytes);
  return key.length > limits.keyBytesMax ? keyTooLarge(key.length) : succeed(key);
}

export function join(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`;
}

/** How JSON shows a key: its text, or base64 when it is not UTF-8. */
export function keyFields(key: Key): { key: string } | { keyBase64: string } {
  const text = keyToText(key);
  return text === undefined ? { keyBase64: keyToBytes(key).toString('base64') } : { key: text };
}
