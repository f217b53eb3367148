import { describe, expect, it } from 'vitest';
import { isWorthMoving, nearest, type Candidate } from './preference.js';

const candidates = (...roundTripsMs: number[]): Candidate[] =>
  roundTripsMs.map((roundTripMs, order) => ({ order, roundTripMs }));

describe('the nearest', () => {
  it.each([
    [[190, 3, 80], 1],
    [[5.7, 4.7, 6], 0],
    [[1.9, 1, 0.2], 1],
    [[0.9, 0.1], 0],
    [[30, 25, 20.5], 1],
    [[100], 0],
  ])('of %j is number %i', (roundTripsMs, order) => {
    expect(nearest(candidates(...roundTripsMs))!.order).toBe(order);
  });

  it('of none is none', () => {
    expect(nearest([])).toBeUndefined();
  });
});

describe('moving', () => {
  it.each([
    ['a clear gain', [80, 3], { to: 1, from: 0 }, true],
    ['little of much', [80, 70], { to: 1, from: 0 }, false],
    ['much of little', [0.9, 0.1], { to: 1, from: 0 }, false],
    ['a preferred one that is as near', [5.3, 5], { to: 0, from: 1 }, true],
    ['a preferred one that is farther', [5.6, 5], { to: 0, from: 1 }, false],
    ['one that is as near', [5, 5], { to: 1, from: 0 }, false],
  ])('to %s: %j', (_, roundTripsMs, { to, from }, worth) => {
    const all = candidates(...roundTripsMs);
    expect(isWorthMoving(all[to]!, all[from]!)).toBe(worth);
  });

  it('is never worth it both ways', () => {
    for (let a = 0.1; a < 100; a *= 1.3) {
      for (let b = 0.1; b < 100; b *= 1.3) {
        const [x, y] = candidates(a, b);
        expect(isWorthMoving(x!, y!) && isWorthMoving(y!, x!)).toBe(false);
      }
    }
  });
});
