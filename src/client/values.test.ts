import { describe, expect, it } from 'vitest';
import { keyFromBytes, keyFromText, type Key } from '../model/keys.js';
import type { Value } from '../model/value.js';
import { readBytesKey, readTextKey, toKey, toRange } from './keys.js';
import { encodeValue, entryOf, rawValues, textKeys, toOperand } from './values.js';

function given(value: Value): unknown {
  return entryOf(textKeys, 'k' as Key, { version: 1 as never, value, expiresAtMs: undefined }).value;
}

function bytesOf(text: string, contentType: string): Value {
  return { kind: 'bytes', bytes: Buffer.from(text), contentType };
}

describe('values', () => {
  it.each([
    ['an object', { a: [1, null, 'ü'] }],
    ['a text', 'grüße'],
    ['a number', 1.5],
    ['null', null],
  ])('%s goes as JSON and comes back', (_, value) => {
    const { bytes, contentType } = encodeValue(value);
    expect(contentType).toBe('application/json');
    expect(given({ kind: 'bytes', bytes, contentType })).toEqual(value);
  });

  it('bytes go as they are and come back as bytes of their own', () => {
    const bytes = Buffer.from([0, 1, 255]);
    const encoded = encodeValue(bytes);
    expect(encoded).toEqual({ bytes, contentType: 'application/octet-stream' });
    const back = given({ kind: 'bytes', ...encoded }) as Uint8Array;
    expect(back).toEqual(new Uint8Array([0, 1, 255]));
    bytes[0] = 9;
    expect(back[0]).toBe(0);
  });

  it('a text under a content type of its own goes as UTF-8', () => {
    expect(encodeValue('ü', 'text/plain').bytes).toEqual(Buffer.from('ü'));
    expect(given(bytesOf('ü', 'text/plain; charset=utf-8'))).toBe('ü');
    expect(Buffer.from(encodeValue('ü', 'application/problem+json').bytes).toString()).toBe('"ü"');
    expect(given(bytesOf('{"a":1}', 'application/problem+json; charset=utf-8'))).toEqual({ a: 1 });
  });

  it('a counter comes back exact', () => {
    expect(given({ kind: 'counter', count: 2n ** 63n - 1n })).toBe(2n ** 63n - 1n);
    expect(toOperand(-5)).toBe(-5n);
    for (const wrong of [0.5, 2 ** 53, NaN, 2n ** 63n]) expect(() => toOperand(wrong)).toThrow(TypeError);
  });

  it('what JSON cannot say is a TypeError', () => {
    for (const wrong of [undefined, () => 1, 5n]) expect(() => encodeValue(wrong)).toThrow(TypeError);
  });

  it('what is not the JSON that it says is VALUE_MALFORMED, and can be had as bytes', () => {
    const wrong = bytesOf('{', 'application/json');
    expect(() => given(wrong)).toThrow(expect.objectContaining({ code: 'VALUE_MALFORMED' }));
    expect(rawValues(textKeys).value(wrong, 'k' as Key)).toEqual(new Uint8Array([0x7b]));
  });
});

describe('keys', () => {
  it.each(['plain', 'grüße', '😀', '\u0000'])('the text %j is its UTF-8 bytes and comes back', (text) => {
    expect(toKey(text)).toBe(keyFromText(text));
    expect(toKey(Buffer.from(text))).toBe(keyFromText(text));
    expect(readTextKey(toKey(text))).toBe(text);
    expect(readBytesKey(toKey(text))).toEqual(new Uint8Array(Buffer.from(text)));
  });

  it('bytes that are no text come back as bytes alone', () => {
    const key = keyFromBytes(new Uint8Array([0xff, 0]));
    expect(readBytesKey(key)).toEqual(new Uint8Array([0xff, 0]));
    expect(() => readTextKey(key)).toThrow(expect.objectContaining({ code: 'KEY_NOT_TEXT' }));
  });

  it('what is no key is a TypeError', () => {
    for (const wrong of ['', '\ud800', new Uint8Array(0), 5 as never]) {
      expect(() => toKey(wrong)).toThrow(TypeError);
    }
    expect(toKey('k'.repeat(2048))).toHaveLength(2048);
    expect(() => toKey('k'.repeat(2049))).toThrow(expect.objectContaining({ code: 'KEY_TOO_LARGE' }));
  });

  it('a selector is what lies in its prefix and between its bounds', () => {
    expect(toRange({})).toEqual({ start: '', end: undefined });
    expect(toRange({ prefix: 'a/' })).toEqual({ start: 'a/', end: 'a0' });
    expect(toRange({ prefix: 'a/', start: 'a/5' })).toEqual({ start: 'a/5', end: 'a0' });
    expect(toRange({ start: 'b', end: 'c' })).toEqual({ start: 'b', end: 'c' });
    expect(toRange({ prefix: new Uint8Array([0xff]) })).toEqual({ start: '\u00ff', end: undefined });
  });
});
