import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeHistory } from '../../test/support/http-fake-node.js';
import { gtid } from '../model/gtid.js';
import { seqno } from '../model/ids.js';
import { keyFromBytes, type Key } from '../model/keys.js';
import { cursorContinues, decodeCursor, encodeCursor, type Cursor } from './cursor.js';

const anyKey = fc.uint8Array({ maxLength: 40 }).map(keyFromBytes);
const anyCursor: fc.Arbitrary<Cursor> = fc.record({
  gtid: fc.maxSafeNat().map((at) => gtid(fakeHistory, seqno(at))),
  rest: fc.record({ start: anyKey, end: fc.option(anyKey, { nil: undefined }) }),
  reverse: fc.boolean(),
  transaction: fc.constantFrom('', '018f0000-0000-7000-8000-000000000000'),
});

describe('a cursor', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(anyCursor, (cursor) => {
        const text = encodeCursor(cursor);
        expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(decodeCursor('cursor', text)).toEqual({ ok: true, value: cursor });
      }),
    );
  });

  it('is refused after any one character of it was changed', () => {
    fc.assert(
      fc.property(anyCursor, fc.nat(), fc.constantFrom('A', 'z', '_', '='), (cursor, at, char) => {
        const text = encodeCursor(cursor);
        const place = at % text.length;
        fc.pre(text[place] !== char);
        const tampered = text.slice(0, place) + char + text.slice(place + 1);
        expect(decodeCursor('cursor', tampered).ok).toBe(false);
      }),
    );
  });

  it.each(['', 'AAAA', 'x'.repeat(5000), '%%%', 'e30'])('is refused when it is %j', (text) => {
    expect(decodeCursor('query.cursor', text)).toMatchObject({
      ok: false,
      failure: { code: 'INVALID_ARGUMENT', details: { field: 'query.cursor' } },
    });
  });

  it('continues only lists of the range that it came from', () => {
    const range = { start: 'a' as Key, end: 'm' as Key };
    const made = (rest: Cursor['rest'], reverse: boolean): Cursor => ({
      gtid: gtid(fakeHistory, seqno(1)),
      rest,
      reverse,
      transaction: '',
    });
    expect(cursorContinues(made({ start: 'c' as Key, end: 'm' as Key }, false), range)).toBe(true);
    expect(cursorContinues(made({ start: 'c' as Key, end: 'n' as Key }, false), range)).toBe(false);
    expect(cursorContinues(made({ start: 'a' as Key, end: 'c' as Key }, true), range)).toBe(true);
    expect(cursorContinues(made({ start: 'b' as Key, end: 'c' as Key }, true), range)).toBe(false);
    expect(cursorContinues(made({ start: 'a' as Key, end: 'z' as Key }, true), range)).toBe(false);
  });
});
