import { expect, it } from 'vitest';
import { checkTotal } from './check.js';

it('a sum is what was acknowledged, or up to as much more as had no answer', () => {
  const holds = (total: number, acknowledged: number, failed: number): boolean =>
    checkTotal('sum', { total, acknowledged, failed })!.holds;
  expect(holds(10, 10, 0)).toBe(true);
  expect(holds(9, 10, 0)).toBe(false);
  expect(holds(11, 10, 0)).toBe(false);
  expect([holds(10, 10, 2), holds(12, 10, 2), holds(13, 10, 2), holds(9, 10, 2)]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

it('money is neither made nor lost, whatever was acknowledged', () => {
  expect(checkTotal('transfer', { total: 16_000, acknowledged: 5, failed: 3 })!.holds).toBe(true);
  expect(checkTotal('transfer', { total: 15_999, acknowledged: 5, failed: 3 })!.holds).toBe(false);
});

it('blind writes and reads have nothing to check', () => {
  expect(checkTotal('put', { total: 0, acknowledged: 5, failed: 0 })).toBeUndefined();
});
