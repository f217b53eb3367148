import { join } from 'node:path';
import { logPosition } from '../../../src/model/ids.js';
import { silentLogger } from '../../../src/runtime/runtime.js';
import { openKeyspaceStore } from '../../../src/storage/keyspace-store.js';
import { openLevelDatabase } from '../../../src/storage/level-database.js';

const pageBytes = 1024 * 1024;

/** Every entry that a stopped node holds of a keyspace, from the genesis on. */
export async function readLog(nodeDirectory: string, keyspace: string): Promise<Uint8Array[]> {
  const store = await openKeyspaceStore(() => openLevelDatabase(join(nodeDirectory, keyspace)), silentLogger);
  try {
    const entries: Uint8Array[] = [];
    while (entries.length <= store.head.position) {
      const page = await store.entries(logPosition(entries.length), pageBytes);
      if (page.length === 0) throw new Error(`${keyspace}: entry ${entries.length} is not kept`);
      entries.push(...page);
    }
    return entries;
  } finally {
    await store.close();
  }
}
