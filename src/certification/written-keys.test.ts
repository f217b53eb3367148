import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstKey, type Key } from '../model/keys.js';
import { WrittenKeys, type WrittenKey } from './written-keys.js';

/** Far more keys than a run holds. In a phase either most steps write or most drop, so that runs split and join. */
const keyCount = 2000;
const arbitraryPhases = fc.array(
  fc.record({
    dropPercent: fc.constantFrom(5, 95),
    draws: fc.array(fc.nat(0x7fff_ffff), { minLength: 1500, maxLength: 1500, size: 'max' }),
  }),
  { minLength: 4, maxLength: 6, size: 'max' },
);

const keyOf = (draw: number): Key => (draw % keyCount).toString().padStart(4, '0') as Key;

describe('WrittenKeys', () => {
  it('answers as an unordered map that is scanned, while keys come, are written again, and go', () => {
    const property = fc.property(arbitraryPhases, (phases) => {
      const keys = new WrittenKeys();
      const plain = new Map<Key, { seqno: number; written: WrittenKey }>();
      let seqno = 0;
      const write = (key: Key, draw: number) => {
        seqno++;
        plain.set(key, { seqno, written: keys.write(key, draw % 2 === 0 ? 'plain' : 'atomic', seqno) });
        expect(keys.firstWrittenAfter({ start: firstKey, end: undefined }, seqno - 1)).toBe(key);
      };
      const expectEveryTenthIsFound = (first: number) => {
        for (const [key, known] of [...plain].filter((_, i) => i % 10 === first % 10)) {
          const end = `${key}\0` as Key;
          expect(keys.firstWrittenAfter({ start: key, end }, known.seqno - 1)).toBe(key);
        }
      };
      for (const { dropPercent, draws } of phases) {
        for (const draw of draws) {
          const key = keyOf(draw);
          const known = plain.get(key);
          if (Math.floor(draw / keyCount) % 100 < dropPercent) {
            if (known !== undefined) keys.drop(known.written);
            plain.delete(key);
            if (draw % 4 === 0) expectEveryTenthIsFound(draw >> 8);
          } else {
            write(draw % 3 === 0 ? key : ([...plain.keys()][draw % plain.size] ?? key), draw);
          }
          if (draw % 8 !== 0) continue;
          const range = { start: keyOf(draw >> 8), end: draw % 5 === 0 ? undefined : keyOf(draw >> 4) };
          const after = Math.max(0, seqno - (draw % 3 === 0 ? draw % 300 : draw % 10));
          expect(keys.firstWrittenAfter(range, after)).toBe(
            [...plain]
              .filter(([each, known]) => known.seqno > after && each >= range.start)
              .map(([each]) => each)
              .filter((each) => range.end === undefined || each < range.end)
              .sort()[0],
          );
        }
      }
    });
    fc.assert(property, { numRuns: 4, endOnFailure: true });
  });

  it('knows a key again that was dropped, with none of its old writes', () => {
    const keys = new WrittenKeys();
    const key = keyOf(7);
    keys.write(keyOf(8), 'plain', 1);
    keys.write(keyOf(9), 'plain', 1);
    keys.write(keyOf(10), 'plain', 1);
    const before = keys.write(key, 'plain', 2);
    keys.drop(before);
    keys.drop(before);
    expect(keys.get(key)).toBeUndefined();
    keys.write(key, 'atomic', 3);
    expect(keys.get(key)).toMatchObject({ key, plain: 0, atomic: 3 });
    expect(keys.firstWrittenAfter({ start: key, end: undefined }, 2)).toBe(key);
    expect(keys.firstWrittenAfter({ start: key, end: undefined }, 3)).toBeUndefined();
  });

  it('finds the last write of every key that is left while its neighbours go', () => {
    const keys = new WrittenKeys();
    const all = Array.from({ length: 1000 }, (_, i) => keyOf(i));
    const dropped = all.filter((_, i) => i % 20 !== 0).map((key, i) => keys.write(key, 'plain', i + 1));
    const left = all.filter((_, i) => i % 20 === 0);
    const seqnoOf = (i: number) => 1001 + i;
    left.forEach((key, i) => keys.write(key, 'plain', seqnoOf(i)));
    const found = (key: Key, i: number) =>
      keys.firstWrittenAfter({ start: key, end: `${key}\0` as Key }, seqnoOf(i) - 1) === key;
    for (const written of dropped) {
      keys.drop(written);
      expect(left.filter((key, i) => !found(key, i))).toEqual([]);
    }
  });
});
