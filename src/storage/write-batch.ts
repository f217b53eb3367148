import type { Database } from './store.js';

export type Operation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer };

/**
 * Writes all operations or none, durably: it resolves after the fsync. When it rejects it is not known whether they are
 * written. A chained batch, because abstract-level's array batch clones every operation (8 µs each against 0.5 µs).
 */
export async function writeBatch(database: Database, operations: readonly Operation[]): Promise<void> {
  const batch = database.batch();
  try {
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value);
      else batch.del(operation.key);
    }
    await batch.write({ sync: true } as object);
  } finally {
    await batch.close();
  }
}
