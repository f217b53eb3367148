import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/manual-time.js';
import { DelayLine } from './delay-line.js';

function lineOf(delayMs: number) {
  const time = new ManualTime();
  const arrived: { item: number; atMs: number }[] = [];
  const line = new DelayLine<number>({
    ...time,
    clock: time.clock,
    timers: time.timers,
    delayMs,
    deliver: (item) => arrived.push({ item, atMs: time.clock.monotonicMs() }),
  });
  return { time, line, arrived };
}

it('delivers after the delay and not a moment before', () => {
  const { time, line, arrived } = lineOf(40);
  line.push(1);
  time.advance(39.999);
  expect(arrived).toEqual([]);
  time.advance(0.001);
  expect(arrived).toEqual([{ item: 1, atMs: 40 }]);
});

it('delays every item alike and in order, whatever the gaps between them', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true })), (gapsMs) => {
      const { time, line, arrived } = lineOf(40);
      const sentMs = gapsMs.map((gapMs, item) => {
        time.advance(gapMs);
        line.push(item);
        return time.clock.monotonicMs();
      });
      time.advance(41);
      expect(arrived.map(({ item }) => item)).toEqual(gapsMs.map((_, item) => item));
      arrived.forEach(({ atMs }, i) => expect(atMs).toBeCloseTo(sentMs[i]! + 40, 6));
    }),
  );
});

it('is not slowed by what is under way', () => {
  const { time, line, arrived } = lineOf(40);
  for (let item = 0; item < 10_000; item++) line.push(item);
  expect(line.length).toBe(10_000);
  time.advance(40);
  expect(arrived).toHaveLength(10_000);
  expect(line.length).toBe(0);
});

it('waits anew when a timer fires early', () => {
  const time = new ManualTime();
  const arrived: number[] = [];
  const early = {
    ...time.timers,
    after: (ms: number, action: () => void) => time.timers.after(ms * 0.9, action),
  };
  const line = new DelayLine<number>({
    clock: time.clock,
    timers: early,
    delayMs: 40,
    deliver: () => arrived.push(time.clock.monotonicMs()),
  });
  line.push(1);
  time.advance(39.9);
  expect(arrived).toEqual([]);
});

it('drops what is under way when cleared', () => {
  const { time, line, arrived } = lineOf(40);
  line.push(1);
  line.clear();
  time.advance(100);
  line.push(2);
  time.advance(100);
  expect(arrived.map(({ item }) => item)).toEqual([2]);
});
