import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyFromText } from '../../model/keys.js';
import { limits } from '../../model/limits.js';
import { keyOfTarget, slashesBeforeKey, slashesBeforeTransactionKey } from './path-keys.js';

const prefix = '/v1/keyspaces/default/keys/';
const keyIn = (escaped: string) => keyOfTarget(prefix + escaped, slashesBeforeKey);

/** Well-formed text with the characters that paths make much of. */
const anyKeyText = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('/', '%', '?', '#', '+', '.', '%2F', '%25', '\0', ' ', '\u{1F30D}'),
      fc.string({ unit: 'grapheme', maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 60,
  })
  .filter((text) => text !== '' && text !== '.' && text !== '..' && !/\p{Surrogate}/u.test(text));

describe('the key of a path', () => {
  it('comes back from encodeURIComponent, with its slashes escaped or not', () => {
    fc.assert(
      fc.property(anyKeyText, fc.constantFrom('', '?ttl=5', '#x', '?a=/%zz'), (text, rest) => {
        const escaped = encodeURIComponent(text);
        const expected = { ok: true, value: keyFromText(text) };
        expect(keyIn(escaped + rest)).toEqual(expected);
        expect(keyIn(escaped.replaceAll('%2F', '/') + rest)).toEqual(expected);
        expect(keyIn(escaped.replaceAll('%2F', '%2f') + rest)).toEqual(expected);
      }),
    );
  });

  it('is decoded exactly once', () => {
    expect(keyIn('%2525')).toEqual({ ok: true, value: '%25' });
    expect(keyIn('%252F')).toEqual({ ok: true, value: '%2F' });
  });

  it('takes bytes beyond ASCII that nobody escaped', () => {
    expect(keyIn(Buffer.from('é', 'utf8').toString('latin1'))).toEqual({ ok: true, value: keyFromText('é') });
  });

  it('is found below a transaction and in the absolute form of a target', () => {
    const id = '018f0000-0000-7000-8000-000000000000';
    const inside = `/v1/keyspaces/default/transactions/${id}/keys/a/b`;
    expect(keyOfTarget(inside, slashesBeforeTransactionKey)).toEqual({ ok: true, value: 'a/b' });
    expect(keyOfTarget(`http://host:1${prefix}a/b?x`, slashesBeforeKey)).toEqual({ ok: true, value: 'a/b' });
  });

  it.each([
    ['', 'empty'],
    ['.', 'a dot'],
    ['..', 'two dots'],
    ['%2e%2E', 'two escaped dots'],
    ['%', 'half an escape'],
    ['a%4', 'half an escape'],
    ['%zz', 'no hexadecimal digits'],
    ['%FF', 'not UTF-8'],
    ['%C0%80', 'an overlong form'],
    ['%ED%A0%80', 'a surrogate'],
  ])('is refused when it is %j: %s', (escaped) => {
    expect(keyIn(escaped)).toMatchObject({ ok: false, failure: { code: 'INVALID_ARGUMENT' } });
  });

  it('is bounded in bytes, not in characters or escapes', () => {
    expect(keyIn('%41'.repeat(limits.keyBytesMax)).ok).toBe(true);
    expect(keyIn(encodeURIComponent('é'.repeat(limits.keyBytesMax / 2))).ok).toBe(true);
    expect(keyIn(encodeURIComponent('é'.repeat(limits.keyBytesMax / 2) + 'x'))).toMatchObject({
      failure: {
        code: 'KEY_TOO_LARGE',
        details: { limit: limits.keyBytesMax, size: limits.keyBytesMax + 1 },
      },
    });
  });
});
