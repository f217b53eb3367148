import type { KeyspaceStore } from '../../storage/store.js';
import { encodeGenesis, type Beginning } from '../genesis.js';

/** Writes the genesis into an empty store, durably. Throws when the store holds a history already. */
export async function initHistory(store: KeyspaceStore, beginning: Beginning): Promise<void> {
  if (store.head.position >= 0) {
    throw new Error(
      `the store holds history ${store.head.keyspaceId} already, up to position ${store.head.position}`,
    );
  }
  await store.apply([encodeGenesis(beginning)]);
}
