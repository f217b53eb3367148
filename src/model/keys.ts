import type { Brand } from './ids.js';

/**
 * A key in memory: a string with one char (U+0000 to U+00FF) per byte, so that JavaScript's own comparison is the
 * bytewise, unsigned order of LevelDB. (The order of ordinary strings differs above U+FFFF and would let a phantom by.)
 */
export type Key = Brand<string, 'Key'>;

/** Keys from `start` (inclusive) to `end` (exclusive); without `end`, to the last key. */
export interface KeyRange {
  readonly start: Key;
  readonly end: Key | undefined;
}

/** The start of all keys; no key itself is empty. */
export const firstKey = '' as Key;

export function keyFromBytes(bytes: Uint8Array): Key {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1') as Key;
}

/** A copy: the caller owns it. */
export function keyToBytes(key: Key): Buffer {
  return Buffer.from(key, 'latin1');
}

const ascii = /^[\0-\x7f]*$/;

/** The key of a text's UTF-8 bytes. HAZARD: a lone surrogate would silently become U+FFFD; check `hasLoneSurrogate` first. */
export function keyFromText(text: string): Key {
  return ascii.test(text) ? (text as Key) : keyFromBytes(Buffer.from(text, 'utf8'));
}

/** In a Unicode regular expression a pair is one code point, so only a lone half is a surrogate. */
const loneSurrogate = /\p{Surrogate}/u;

/** Half of a character outside the basic plane: such a text has no UTF-8, and would not come back as it was. */
export function hasLoneSurrogate(text: string): boolean {
  return !ascii.test(text) && loneSurrogate.test(text);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a key, or undefined when its bytes are not UTF-8. */
export function keyToText(key: Key): string | undefined {
  if (ascii.test(key)) return key;
  try {
    return utf8.decode(keyToBytes(key));
  } catch {
    return undefined;
  }
}

/** For people: the key's text, else its bytes in hexadecimal. */
export function describeKey(key: Key): string {
  return keyToText(key) ?? `0x${keyToBytes(key).toString('hex')}`;
}

/** Every key that begins with `prefix`. The empty prefix is every key. */
export function prefixRange(prefix: Key): KeyRange {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix.charCodeAt(i);
    if (byte !== 0xff) {
      return { start: prefix, end: (prefix.slice(0, i) + String.fromCharCode(byte + 1)) as Key };
    }
  }
  return { start: prefix, end: undefined };
}

/** The smallest key above `key`. */
export function keyAfter(key: Key): Key {
  return (key + '\0') as Key;
}

export function rangeContains(range: KeyRange, key: Key): boolean {
  return key >= range.start && (range.end === undefined || key < range.end);
}

export function rangeIsEmpty(range: KeyRange): boolean {
  return range.end !== undefined && range.end <= range.start;
}

/** The keys in both, possibly an empty range. */
export function intersectRanges(a: KeyRange, b: KeyRange): KeyRange {
  const start = a.start > b.start ? a.start : b.start;
  const end = a.end === undefined ? b.end : b.end === undefined || a.end < b.end ? a.end : b.end;
  return { start, end };
}

/** Whether any key can be in both. */
export function rangesOverlap(a: KeyRange, b: KeyRange): boolean {
  return !rangeIsEmpty(intersectRanges(a, b));
}
