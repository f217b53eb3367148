import { postText, writeOnce } from './attempts.js';
import type { CityBatch } from './cities.js';
import type { Question, RegionClient } from './region-client.js';
import type { Tally } from './tally.js';

/** Cities in one transaction. */
export const batchSize = 200;
/** Transactions that one region has in flight. */
const inFlight = 4;

export interface Loading {
  readonly signal: AbortSignal;
  /** Failed attempts by code. */
  readonly failures: Tally;
  readonly onLoaded: (cities: number) => void;
}

/** Writes the batches through one region, several at once. */
export async function loadThrough(
  client: RegionClient,
  batches: readonly CityBatch[],
  loading: Loading,
): Promise<void> {
  const waiting = batches[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const batch of waiting) {
      await writeOnce(client, {
        question: transactionOf(batch),
        signal: loading.signal,
        onFailure: (code) => loading.failures.add(code),
      });
      loading.onLoaded(batch.records.length);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

function transactionOf({ keyspace, records }: CityBatch): Question {
  const mutations = records.map(({ key, json }) => `{"set":{"key":${JSON.stringify(key)},"value":${json}}}`);
  return postText(`/v1/keyspaces/${keyspace}/transact`, `{"mutations":[${mutations.join(',')}]}`);
}
