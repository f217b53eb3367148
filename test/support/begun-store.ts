import type { KeyspaceId } from '../../src/model/ids.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import type { KeyspaceStore } from '../../src/storage/store.js';
import { Chain } from './chain.js';
import { FaultyDisk } from './faulty-database.js';

export const keyspaceId = '11111111-2222-4333-8444-555555555555' as KeyspaceId;

/** A store whose history has just begun, and the chain that its next entries come from. */
export async function begun(
  disk = new FaultyDisk(),
): Promise<{ disk: FaultyDisk; store: KeyspaceStore; chain: Chain }> {
  const store = await openKeyspaceStore(disk.open, silentLogger);
  const chain = new Chain(store.head);
  await store.apply([chain.next({ kind: 'genesis', keyspaceId, keyspace: 'default' })]);
  return { disk, store, chain };
}

export const reopen = (disk: FaultyDisk): Promise<KeyspaceStore> =>
  openKeyspaceStore(disk.open, silentLogger);
