import { limits } from '../model/limits.js';
import type { Logger } from '../runtime/runtime.js';
import type { OpenIncoming } from './incoming-copy.js';
import { originKey } from './incoming-layout.js';
import { openKeyspaceStore } from './keyspace-store.js';
import { everything, numberedKey } from './layout.js';
import { recordPages } from './record-pages.js';
import type { Database, Head, KeyspaceStore } from './store.js';
import { compactRange } from './compaction.js';
import { writeBatch, writeUnsynced, type Operation } from './write-batch.js';

const droppedMax = 10_000;

/**
 * Opens a whole copy as a store, applies the entries beside it and drops what only a copy has. Cut off at any moment, it is
 * a store that the same call goes on with. Throws what opening and applying throw.
 */
export async function replayBeside(
  open: OpenIncoming,
  logger: Logger,
  onProgress: (position: number) => void,
): Promise<Head> {
  let database: Database | undefined;
  const store = await openKeyspaceStore(async () => (database = await open()), logger);
  try {
    await applyBeside(database!, store, onProgress);
    await dropBeside(database!);
    return store.head;
  } finally {
    await store.close();
  }
}

async function applyBeside(
  database: Database,
  store: KeyspaceStore,
  onProgress: (position: number) => void,
): Promise<void> {
  const gte = numberedKey('beside', store.head.position + 1);
  let group: Uint8Array[] = [];
  let bytes = 0;
  const apply = async (): Promise<void> => {
    await store.apply(group);
    onProgress(store.head.position);
    [group, bytes] = [[], 0];
  };
  for await (const page of recordPages(database, { gte, lt: everything('beside').lt })) {
    for (const [, entry] of page) {
      if (group.length > 0 && bytes + entry.length > limits.applyGroupBytesMax) await apply();
      group.push(entry);
      bytes += entry.length;
    }
  }
  if (group.length > 0) await apply();
}

/** The newest entries first and what the copy is of last, so that what is left after a crash is a copy still. */
async function dropBeside(database: Database): Promise<void> {
  for (;;) {
    const newest = { ...everything('beside'), reverse: true, limit: droppedMax };
    const keys = await database.keys(newest).all();
    if (keys.length === 0) break;
    await writeUnsynced(database, keys.map(del));
  }
  const chunks = await database.keys(everything('chunk')).all();
  await writeBatch(database, [...chunks, originKey].map(del));
  await compactRange(database, everything('beside').gte, everything('chunk').lt);
}

function del(key: Buffer): Operation {
  return { type: 'del', key };
}
