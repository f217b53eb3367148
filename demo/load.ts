import type { CityBatch } from './cities.js';
import type { RegionClient } from './region-client.js';

/** Cities in one transaction. */
export const batchSize = 200;
/** Transactions that one region has in flight. */
const inFlight = 4;

export interface Loading {
  readonly signal: AbortSignal;
  readonly onLoaded: (cities: number) => void;
}

/** Writes the batches through one region, several at once. */
export async function loadThrough(
  { sdk }: RegionClient,
  batches: readonly CityBatch[],
  { signal, onLoaded }: Loading,
): Promise<void> {
  const waiting = batches[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const { keyspace, records } of waiting) {
      const transaction = sdk.keyspace(keyspace).atomic();
      // Bytes: they are to be found as they are written here.
      for (const { key, json } of records)
        transaction.set(key, Buffer.from(json), { contentType: 'application/json' });
      await transaction.commit({ signal });
      onLoaded(records.length);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}
