import fc from 'fast-check';
import { expect, it } from 'vitest';
import { applyAtomic, isInt64, saturate } from './value.js';

const top = 2n ** 63n - 1n;
const bottom = -(2n ** 63n);
const int64 = fc.bigInt(bottom, top);

it('saturates at the bounds of int64', () => {
  expect([saturate(top + 1n), saturate(bottom - 1n), saturate(5n)]).toEqual([top, bottom, 5n]);
  expect([isInt64(top), isInt64(top + 1n), isInt64(bottom), isInt64(bottom - 1n)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect(applyAtomic('sum', top, 1n)).toBe(top);
  expect(applyAtomic('sum', bottom, -1n)).toBe(bottom);
});

it('gives the operand when the key is absent', () => {
  fc.assert(
    fc.property(fc.constantFrom('sum', 'min', 'max'), int64, (kind, operand) => {
      expect(applyAtomic(kind, undefined, operand)).toBe(operand);
    }),
  );
});

it('adds, and takes the lower or the higher', () => {
  fc.assert(
    fc.property(int64, int64, (before, operand) => {
      expect(applyAtomic('sum', before, operand)).toBe(saturate(before + operand));
      expect([applyAtomic('min', before, operand), applyAtomic('max', before, operand)]).toEqual(
        before < operand ? [before, operand] : [operand, before],
      );
    }),
  );
});
