import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqno } from '../model/ids.js';
import { keyFromBytes, keyFromText } from '../model/keys.js';
import { limits } from '../model/limits.js';
import type { VersionedValue } from '../model/value.js';
import { decodeBase64 } from './base64.js';
import { isContentType } from './content-type.js';
import { int64Json, parseInt64 } from './int64.js';
import { keyOf, rangeOf } from './json-keys.js';
import { entryJson, valueOf } from './json-values.js';

function stored(text: string | Buffer, contentType: string): VersionedValue {
  const bytes = Buffer.from(text as string);
  return { version: seqno(7), value: { kind: 'bytes', bytes, contentType }, expiresAtMs: undefined };
}

describe('values in JSON', () => {
  it('embeds JSON as it is stored, with all digits of its numbers', () => {
    const text = entryJson(
      keyFromText('k'),
      stored('{ "n": 12345678901234567890 }', 'application/json'),
      'json',
    );
    expect(text).toBe('{"key":"k","version":7,"value":{ "n": 12345678901234567890 }}');
  });

  it.each([
    ['not json', 'application/json'],
    ['{"a":1', 'application/json'],
    [Buffer.from([0x22, 0xff, 0x22]), 'application/json'],
    ['\ufeff1', 'application/json'],
    ['plain', 'text/plain'],
  ])('shows %j of the type %s as base64', (text, contentType) => {
    const entry = JSON.parse(entryJson(keyFromText('k'), stored(text, contentType), 'json')) as {
      base64: string;
    };
    expect(entry).toEqual({ key: 'k', version: 7, base64: expect.any(String) as string, contentType });
    expect(Buffer.from(entry.base64, 'base64')).toEqual(Buffer.from(text as string));
  });

  it('shows every value as base64 when asked to, and names keys that are not UTF-8 by base64', () => {
    const key = keyFromBytes(Buffer.from([0xff]));
    expect(JSON.parse(entryJson(key, stored('1', 'application/json'), 'base64'))).toEqual({
      keyBase64: '/w==',
      version: 7,
      base64: 'MQ==',
      contentType: 'application/json',
    });
  });

  it('keeps the parameters of a JSON type', () => {
    const entry = entryJson(keyFromText('k'), stored('1', 'application/json; charset=utf-8'), 'json');
    expect(JSON.parse(entry)).toMatchObject({ value: 1, contentType: 'application/json; charset=utf-8' });
  });

  it('refuses what is nested too deeply to write, and neither or both of value and base64', () => {
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as unknown;
    for (const fields of [{ value: deep }, {}, { value: 1, base64: '' }, { base64: '*' }]) {
      expect(valueOf('', fields)).toMatchObject({ ok: false, failure: { code: 'INVALID_ARGUMENT' } });
    }
  });

  it('takes a value at the limit and refuses one byte more', () => {
    const atLimit = Buffer.alloc(limits.valueBytesMax).toString('base64');
    const above = Buffer.alloc(limits.valueBytesMax + 1).toString('base64');
    expect(valueOf('', { base64: atLimit }).ok).toBe(true);
    expect(valueOf('', { base64: above })).toMatchObject({ failure: { code: 'VALUE_TOO_LARGE' } });
  });
});

describe('counters in JSON', () => {
  it('come back as they were, as strings beyond 2^53', () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (count) => {
        const json = int64Json(count);
        expect(typeof json === 'number').toBe(count <= 2n ** 53n - 1n && count >= -(2n ** 53n) + 1n);
        expect(parseInt64('by', json)).toEqual({ ok: true, value: count });
      }),
    );
  });

  it.each([2 ** 53, '9223372036854775808', '-9223372036854775809', '', '1.5', '+1', '01', '0x1', ' 1'])(
    'refuse %j',
    (given) => {
      expect(parseInt64('by', given)).toMatchObject({ ok: false, failure: { details: { field: 'by' } } });
    },
  );
});

describe('base64', () => {
  it('is read in both alphabets, padded or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (given) => {
        const bytes = Buffer.from(given);
        const padded = bytes.toString('base64');
        for (const text of [padded, padded.replaceAll('=', ''), bytes.toString('base64url')]) {
          expect(decodeBase64(text)?.equals(bytes)).toBe(true);
        }
      }),
    );
  });

  it.each(['a', 'ab=', 'a b', '====', 'YQ=a', 'é'])('refuses %j', (text) => {
    expect(decodeBase64(text)).toBeUndefined();
  });
});

describe('keys and ranges in JSON', () => {
  it.each([
    [{}, 'at.key'],
    [{ key: '' }, 'at.key'],
    [{ key: 'a', keyBase64: 'YQ' }, 'at.key'],
    [{ key: '\ud800' }, 'at.key'],
    [{ keyBase64: '!' }, 'at.keyBase64'],
  ])('refuses the key %j', (fields, field) => {
    expect(keyOf('at', fields)).toMatchObject({ failure: { code: 'INVALID_ARGUMENT', details: { field } } });
  });

  it('takes a pair of surrogates for the character that it is', () => {
    expect(keyOf('', { key: '\ud83c\udf0d' })).toEqual({ ok: true, value: keyFromText('🌍') });
  });

  it.each([
    [{ prefix: 'a', start: 'b' }],
    [{ prefix: 'a', endBase64: 'YQ' }],
    [{ start: 'b', end: 'a' }],
    [{ start: 'a', end: 'a' }],
    [{ end: '' }],
  ])('refuses the range %j', (fields) => {
    expect(rangeOf('', fields)).toMatchObject({ failure: { code: 'INVALID_ARGUMENT' } });
  });

  it('reads prefixes and ranges; nothing at all is every key', () => {
    expect(rangeOf('', { prefix: 'ab' })).toEqual({ ok: true, value: { start: 'ab', end: 'ac' } });
    expect(rangeOf('', { startBase64: '/w' })).toEqual({
      ok: true,
      value: { start: '\xff', end: undefined },
    });
    expect(rangeOf('', {})).toEqual({ ok: true, value: { start: '', end: undefined } });
  });
});

describe('content types', () => {
  it.each(['text/plain', 'application/json; charset=utf-8', 'application/vnd.api+json'])(
    'takes %j',
    (text) => {
      expect(isContentType(text)).toBe(true);
    },
  );

  it.each(['', 'text', 'text/', 'a/b\r\nX: y', 'a/b; é', `a/${'b'.repeat(255)}`])('refuses %j', (text) => {
    expect(isContentType(text)).toBe(false);
  });
});
