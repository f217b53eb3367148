import { accounts, receiptPrefix, transferCounter } from './accounts.js';
import type { CityRecord } from './cities.js';
import { latencyPrefix } from './latency.js';
import type { StateRecord } from './state-records.js';

/** What a keyspace holds, counted. */
export interface Census {
  readonly records: number;
  /** Cities whose bytes are those that were loaded. */
  readonly cities: number;
  readonly accountsTotal: number;
  readonly receipts: number;
  /** The counter of transfers. */
  readonly transfers: number;
  /** Commits of the measurement. */
  readonly measured: number;
  /** Keys that are none of these, or a city that differs. */
  readonly strange: readonly string[];
}

export function takeCensus(records: readonly StateRecord[], loaded: readonly CityRecord[]): Census {
  const expected = new Map(loaded.map(({ key, json }) => [key, json]));
  const census = { cities: 0, accountsTotal: 0, receipts: 0, transfers: 0, measured: 0 };
  const strange: string[] = [];
  for (const { key: bytes, content } of records) {
    const key = bytes.toString('utf8');
    if (content.kind === 'counter') {
      if (key === transferCounter) census.transfers = Number(content.count);
      else strange.push(key);
    } else if (accounts.includes(key)) census.accountsTotal += Number(content.value.toString('utf8'));
    else if (key.startsWith(receiptPrefix)) census.receipts++;
    else if (key.startsWith(latencyPrefix)) census.measured++;
    else if (expected.get(key) === content.value.toString('utf8')) census.cities++;
    else strange.push(key);
  }
  return { records: records.length, ...census, strange };
}
