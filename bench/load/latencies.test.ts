import { expect, it } from 'vitest';
import { encodeLatencies, mergeLatencies, newLatencies, recordMs, summarize } from './latencies.js';

const recorded = (...ms: readonly number[]): string => {
  const latencies = newLatencies();
  for (const one of ms) recordMs(latencies, one);
  return encodeLatencies(latencies);
};

it('merged histograms are the histogram of everything', () => {
  const parts = [recorded(1, 2, 3), recorded(100), recorded()];
  const together = recorded(1, 2, 3, 100);
  expect(summarize(mergeLatencies(parts))).toEqual(summarize(mergeLatencies([together])));
  expect(mergeLatencies(parts).totalCount).toBe(4);
});

it('percentiles are of all regions, not the mean of theirs', () => {
  const fast = recorded(...Array.from({ length: 90 }, () => 1));
  const slow = recorded(...Array.from({ length: 10 }, () => 1000));
  const { p50, p90, p99, max } = summarize(mergeLatencies([fast, slow]));
  expect([p50, p90]).toEqual([1, 1]);
  expect(p99).toBeCloseTo(1000, -1);
  expect(max).toBeCloseTo(1000, -1);
});

it('three digits are exact from microseconds to minutes', () => {
  for (const ms of [0.001, 0.25, 3.14, 79.9, 1234, 110_000]) {
    const { p50 } = summarize(mergeLatencies([recorded(ms)]));
    expect(Math.abs(p50 - ms) / ms).toBeLessThan(0.001);
  }
});

it('what is longer than two minutes counts as two minutes; nothing recorded is zero', () => {
  expect(summarize(mergeLatencies([recorded(10_000_000)])).p50).toBeCloseTo(120_000, -3);
  expect(summarize(mergeLatencies([]))).toEqual({ p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
});
