import { expect, it } from 'vitest';
import { systemRandom } from './random.js';

it('gives as many bytes as asked for, other ones each time', () => {
  expect(systemRandom.bytes(0)).toHaveLength(0);
  const draws = Array.from({ length: 100 }, () => Buffer.from(systemRandom.bytes(16)).toString('hex'));
  expect(draws.every((draw) => draw.length === 32)).toBe(true);
  expect(new Set(draws).size).toBe(100);
});

it('draws fractions from 0 up to but not including 1', () => {
  const draws = Array.from({ length: 1000 }, () => systemRandom.fraction());
  expect(draws.every((draw) => draw >= 0 && draw < 1)).toBe(true);
  expect(new Set(draws).size).toBeGreaterThan(990);
});
