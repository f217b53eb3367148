import type { Database } from './store.js';

export type Operation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer };

/**
 * Writes all operations or none, durably: it resolves after the fsync. When it rejects it is not known whether they are
 * written. A chained batch, because abstract-level's array batch clones every operation (8 µs each against 0.5 µs).
 */
export function writeBatch(database: Database, operations: readonly Operation[]): Promise<void> {
  return write(database, operations, true);
}

/** Writes all operations or none; a loss of power may take them, or those before them, until a later flush or synced batch. */
export function writeUnsynced(database: Database, operations: readonly Operation[]): Promise<void> {
  return write(database, operations, false);
}

async function write(database: Database, operations: readonly Operation[], sync: boolean): Promise<void> {
  const batch = database.batch();
  try {
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value);
      else batch.del(operation.key);
    }
    await batch.write({ sync } as object);
  } finally {
    await batch.close();
  }
}
