import type { RegionClient } from './region-client.js';

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
export const receiptTtlMs = 86_400_000;

/** Opens the accounts; returns the GTID of the commit. */
export async function openAccounts(
  { sdk }: RegionClient,
  keyspace: string,
  signal: AbortSignal,
): Promise<string> {
  const opening = sdk.keyspace(keyspace).atomic();
  for (const account of accounts) opening.set(account, openingBalance);
  const { gtid } = await opening.commit({ signal });
  return gtid;
}
