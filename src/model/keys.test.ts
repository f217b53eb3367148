import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anyKey, anyRange } from '../../test/support/model-arbitraries.js';
import {
  describeKey,
  intersectRanges,
  keyAfter,
  keyFromBytes,
  keyFromText,
  keyToBytes,
  keyToText,
  prefixRange,
  rangeContains,
  rangeIsEmpty,
  rangesOverlap,
} from './keys.js';

const bytes = fc.uint8Array({ maxLength: 6 });

it('orders as its bytes do, unsigned', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const [keyA, keyB] = [keyFromBytes(a), keyFromBytes(b)];
      expect(keyA < keyB ? -1 : keyA > keyB ? 1 : 0).toBe(Buffer.compare(a, b));
    }),
  );
});

it('orders texts above U+FFFF after those below, where JavaScript strings do not', () => {
  const [below, above] = ['\uffff', '\u{10000}'];
  expect(below < above).toBe(false);
  expect(keyFromText(below) < keyFromText(above)).toBe(true);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      const order = Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(keyFromText(a) < keyFromText(b)).toBe(order < 0);
    }),
  );
});

it('is the same bytes again, and the same text when they are UTF-8', () => {
  fc.assert(
    fc.property(bytes, (each) => {
      expect(new Uint8Array(keyToBytes(keyFromBytes(each)))).toEqual(each);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(keyToText(keyFromText(text))).toBe(text);
    }),
  );
  expect(keyToText(keyFromText('\ufeffmark'))).toBe('\ufeffmark');
});

it('has no text when its bytes are not UTF-8, and is shown in hexadecimal', () => {
  const key = keyFromBytes(Uint8Array.from([0x61, 0xff]));
  expect(keyToText(key)).toBeUndefined();
  expect(describeKey(key)).toBe('0x61ff');
  expect(describeKey(keyFromText('café'))).toBe('café');
});

it('has a prefix range of exactly the keys that begin with it', () => {
  fc.assert(
    fc.property(anyKey, anyKey, (prefix, key) => {
      expect(rangeContains(prefixRange(prefix), key)).toBe(key.startsWith(prefix));
    }),
  );
  const high = keyFromBytes(Uint8Array.from([0x61, 0xff, 0xff]));
  expect(prefixRange(high)).toEqual({ start: high, end: 'b' });
  expect(prefixRange(keyFromBytes(Uint8Array.from([0xff]))).end).toBeUndefined();
});

it('is followed by nothing smaller than keyAfter', () => {
  fc.assert(
    fc.property(anyKey, anyKey, (key, other) => {
      expect(keyAfter(key) > key).toBe(true);
      expect(other > key && other < keyAfter(key)).toBe(false);
    }),
  );
});

it('is in the intersection of two ranges when it is in both', () => {
  fc.assert(
    fc.property(anyRange, anyRange, anyKey, (a, b, key) => {
      const both = rangeContains(a, key) && rangeContains(b, key);
      expect(rangeContains(intersectRanges(a, b), key)).toBe(both);
      expect(rangesOverlap(a, b)).toBe(!rangeIsEmpty(intersectRanges(b, a)));
    }),
  );
});
