import { expect, it } from 'vitest';
import { systemClock } from './clock.js';

it('reads the wall clock in milliseconds since 1970', () => {
  const before = Date.now();
  const reading = systemClock.nowMs();
  expect(reading).toBeGreaterThanOrEqual(before);
  expect(reading).toBeLessThanOrEqual(Date.now());
});

it('has a monotonic clock that never goes back', () => {
  const readings = Array.from({ length: 1000 }, () => systemClock.monotonicMs());
  expect(readings).toEqual([...readings].sort((a, b) => a - b));
});
