import { post, writeOnce } from './attempts.js';
import { tokenOf, type RegionClient } from './region-client.js';

/** Few, so that transfers meet. */
export const accounts = Array.from({ length: 8 }, (_, i) => `accounts/${i}`);
const openingBalance = 1000;
export const fixedTotal = accounts.length * openingBalance;
/** Keyspaces with accounts. */
export const bankKeyspaces = ['default', 'eu'] as const;

/** A counter: one for every committed transfer. */
export const transferCounter = 'transfers';
/** Every transfer leaves a line of text here, which expires after a day. */
export const receiptPrefix = 'receipts/';
export const receiptTtlSeconds = 86_400;

/** Opens the accounts; returns the token of the commit. */
export async function openAccounts(
  client: RegionClient,
  keyspace: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const mutations = accounts.map((key) => ({ set: { key, value: openingBalance } }));
  const question = post(`/v1/keyspaces/${keyspace}/transact`, { mutations });
  const answer = await writeOnce(client, { question, signal, onFailure: () => {} });
  return tokenOf(answer.headers);
}
