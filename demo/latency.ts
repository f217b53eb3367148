import { build, type Histogram } from 'hdr-histogram-js';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, type RegionClient } from './region-client.js';

export const latencyPrefix = 'latency/';

export interface Percentiles {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Measuring {
  readonly count: number;
  readonly signal: AbortSignal;
  readonly onDone: () => void;
}

/** Commits of one small value each, one after the other, from the call to its end. */
export async function measureCommits(
  client: RegionClient,
  keyspace: string,
  { count, signal, onDone }: Measuring,
): Promise<Percentiles> {
  const { region, sdk } = client;
  const into = sdk.keyspace(keyspace);
  return measure(count, async (i) => {
    await into.set(`${latencyPrefix}${region}/${i}`, { region, commit: i }, { signal });
    onDone();
  });
}

export interface PlacedKey {
  readonly keyspace: string;
  readonly key: string;
}

/** Local reads, one after the other. */
export async function measureReads(
  { sdk }: RegionClient,
  places: readonly PlacedKey[],
  signal: AbortSignal,
): Promise<Percentiles> {
  return measure(places.length, async (i) => {
    const { keyspace, key } = places[i]!;
    await sdk.keyspace(keyspace).get(key, { signal });
  });
}

async function measure(count: number, act: (i: number) => Promise<void>): Promise<Percentiles> {
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  for (let i = 0; i < count; i++) {
    const startedMs = performance.now();
    await act(i);
    histogram.recordValue(Math.max(1, Math.round((performance.now() - startedMs) * 1000)));
  }
  return { count, p50Ms: percentileMs(histogram, 50), p99Ms: percentileMs(histogram, 99) };
}

function percentileMs(histogram: Histogram, percentile: number): number {
  return histogram.getValueAtPercentile(percentile) / 1000;
}

interface ClusterView {
  readonly nodes: readonly { readonly region: string; readonly roundTripMs?: number }[];
}

/** Region → median of the round trips that the client's node measured on its own links, over `samples` looks. */
export async function linkRoundTrips(
  client: RegionClient,
  samples: number,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const seen = new Map<string, number[]>();
  for (let i = 0; i < samples; i++) {
    const view = (await ask(client, '/v1/cluster', signal)).json as ClusterView;
    for (const { region, roundTripMs } of view.nodes)
      if (roundTripMs !== undefined && region !== client.region)
        seen.set(region, [...(seen.get(region) ?? []), roundTripMs]);
    // The nodes measure twice a second.
    await pause(500, undefined, { signal });
  }
  return new Map([...seen].map(([region, values]) => [region, median(values)]));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
