import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Census } from './census.js';

const mib = 1024 * 1024;
const minuteMs = 60_000;

interface Entry {
  readonly position: number;
  readonly bytes: number;
  readonly logTimeMs: number;
}

describe('the census of entries', () => {
  it('keeps its bounds whatever is added and dropped', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ bytes: fc.integer({ min: 1, max: mib }), laterMs: fc.nat(100) }) },
      { weight: 1, arbitrary: fc.record({ drop: fc.nat(10) }) },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.nat(30 * mib),
        fc.nat(3000),
        (steps, bytesMax, timeMs) => {
          const census = new Census(7);
          const kept: Entry[] = [];
          let [next, logTimeMs] = [7, 0];
          for (const one of steps) {
            if ('drop' in one) {
              const dropped = kept.splice(0, Math.min(one.drop, kept.length));
              census.dropEntries(dropped.length, total(dropped));
            } else {
              logTimeMs += one.laterMs;
              kept.push({ position: next++, bytes: one.bytes, logTimeMs });
              census.addEntry(one.bytes, logTimeMs);
            }
          }
          const above = (position: number): Entry[] => kept.filter((entry) => entry.position >= position);
          expect(census.oldestPosition).toBe(kept[0]?.position ?? next);
          expect(census.entriesBytes).toBe(total(kept));

          const within = census.positionWithin(bytesMax);
          expect(total(above(within))).toBeLessThanOrEqual(bytesMax);
          const exact = kept.find(({ position }) => total(above(position)) <= bytesMax)?.position ?? next;
          expect(
            total(kept.filter(({ position }) => position >= exact && position < within)),
          ).toBeLessThanOrEqual(mib);

          const since = census.positionSince(timeMs);
          const first = kept.find((entry) => entry.logTimeMs >= timeMs)?.position ?? next;
          expect(since).toBeLessThanOrEqual(first);
          expect(
            total(kept.filter(({ position }) => position >= since && position < first)),
          ).toBeLessThanOrEqual(mib);
        },
      ),
    );
  });
});

function total(entries: readonly Entry[]): number {
  return entries.reduce((bytes, entry) => bytes + entry.bytes, 0);
}

describe('the census of outcomes', () => {
  it('says since which minute they are at most so many bytes', () => {
    const census = new Census(0);
    expect(census.outcomesSince(0)).toBe(0);
    const minutes = [5, 7, 7, 9];
    for (const minute of minutes) census.changeOutcomes(new Map([[minute, { outcomes: 1, bytes: 100 }]]));
    expect(census).toMatchObject({ outcomes: 4, outcomesBytes: 400 });
    expect(census.outcomesSince(400)).toBe(0);
    expect(census.outcomesSince(399)).toBe(7 * minuteMs);
    expect(census.outcomesSince(299)).toBe(9 * minuteMs);
    expect(census.outcomesSince(99)).toBe(10 * minuteMs);
    census.changeOutcomes(new Map([[5, { outcomes: -1, bytes: -100 }]]));
    expect(census.outcomesSince(300)).toBe(0);
    expect(census.outcomesSince(100)).toBe(9 * minuteMs);
  });
});
