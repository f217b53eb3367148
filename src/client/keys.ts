import {
  firstKey,
  hasLoneSurrogate,
  intersectRanges,
  keyFromBytes,
  keyFromText,
  keyToBytes,
  keyToText,
  prefixRange,
  type Key,
  type KeyRange,
} from '../model/keys.js';
import { limits } from '../model/limits.js';
import { errorOf } from './errors.js';

/** A text stands for its UTF-8 bytes. */
export type KeyInput = string | Uint8Array;

/** Which keys: those with the prefix, from `start` (inclusive) to `end` (exclusive). Nothing given: every key. */
export interface Selector {
  readonly prefix?: KeyInput;
  readonly start?: KeyInput;
  readonly end?: KeyInput;
}

/** Throws KEY_TOO_LARGE, and a TypeError for what is no key. */
export function toKey(input: KeyInput): Key {
  const key = toBound(input);
  if (key.length === 0) throw new TypeError('a key has one byte at least');
  if (key.length > limits.keyBytesMax) {
    throw errorOf({
      code: 'KEY_TOO_LARGE',
      message: `the key has ${key.length} bytes, ${limits.keyBytesMax} is the limit`,
      details: { limit: limits.keyBytesMax, size: key.length },
    });
  }
  return key;
}

/** The end of a range is no key itself, so it may be empty. */
function toBound(input: KeyInput): Key {
  if (typeof input === 'string') {
    if (hasLoneSurrogate(input)) throw new TypeError('a key has a lone surrogate, which is no text');
    return keyFromText(input);
  }
  if (input instanceof Uint8Array) return keyFromBytes(input);
  throw new TypeError('a key is a string or a Uint8Array');
}

export function toRange({ prefix, start, end }: Selector): KeyRange {
  const between = {
    start: start === undefined ? firstKey : toBound(start),
    end: end === undefined ? undefined : toBound(end),
  };
  return prefix === undefined ? between : intersectRanges(prefixRange(toBound(prefix)), between);
}

/** How keys are given back. */
export type KeyReader<K> = (key: Key) => K;

/** Throws KEY_NOT_TEXT for bytes that are not UTF-8. */
export function readTextKey(key: Key): string {
  const text = keyToText(key);
  if (text !== undefined) return text;
  throw errorOf({
    code: 'KEY_NOT_TEXT',
    message: `the key 0x${keyToBytes(key).toString('hex')} is not UTF-8; open the keyspace with { keys: 'bytes' }`,
  });
}

export function readBytesKey(key: Key): Uint8Array {
  return Uint8Array.from(keyToBytes(key));
}
