import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

/** Latencies in whole microseconds, from 1 µs to two minutes, three digits exact. */
export function newLatencies(): Histogram {
  return build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 120_000_000,
    numberOfSignificantValueDigits: 3,
  });
}

export function recordMs(latencies: Histogram, ms: number): void {
  latencies.recordValue(Math.min(120_000_000, Math.max(1, Math.round(ms * 1000))));
}

export function encodeLatencies(latencies: Histogram): string {
  return encodeIntoCompressedBase64(latencies);
}

/** One histogram of everything that several processes have recorded. */
export function mergeLatencies(encoded: readonly string[]): Histogram {
  const all = newLatencies();
  for (const one of encoded) all.add(decodeFromCompressedBase64(one));
  return all;
}

/** In ms; zeros when nothing was recorded. */
export interface LatencySummary {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export function summarize(latencies: Histogram): LatencySummary {
  const at = (percentile: number): number =>
    latencies.totalCount === 0 ? 0 : latencies.getValueAtPercentile(percentile) / 1000;
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: latencies.maxValue / 1000 };
}
