import { limits } from '../model/limits.js';
import type { Logger } from '../runtime/runtime.js';
import { originKey } from './incoming-layout.js';
import { openKeyspaceStore } from './keyspace-store.js';
import { everything, numberedKey } from './layout.js';
import { recordPages } from './record-pages.js';
import type { Database, Head, KeyspaceStore } from './store.js';
import { compactRange } from './compaction.js';
import { writeBatch, writeUnsynced, type Operation } from './write-batch.js';

const droppedMax = 10_000;
/** Entries that were dropped take room until LevelDB compacts them; when they are this many bytes it is told to. */
const compactBytesMin = 16 * 1024 * 1024;

/**
 * Makes a store of a whole copy, whose database it takes over and closes: applies the entries beside it and drops what only
 * a copy has. Cut off at any moment, it is a store that the same call goes on with. Throws what opening and applying throw.
 */
export async function replayBeside(
  database: Database,
  logger: Logger,
  onProgress: (position: number) => void,
): Promise<Head> {
  const store = await openKeyspaceStore(() => Promise.resolve(database), logger);
  try {
    const bytes = await applyBeside(database, store, onProgress);
    await dropBeside(database);
    if (bytes >= compactBytesMin)
      await compactRange(database, everything('beside').gte, everything('beside').lt);
    return store.head;
  } finally {
    await store.close();
  }
}

/** Resolves to how many bytes of them there were. */
async function applyBeside(
  database: Database,
  store: KeyspaceStore,
  onProgress: (position: number) => void,
): Promise<number> {
  const gte = numberedKey('beside', store.head.position + 1);
  let group: Uint8Array[] = [];
  let [bytes, total] = [0, 0];
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
      total += entry.length;
    }
  }
  if (group.length > 0) await apply();
  return total;
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
}

function del(key: Buffer): Operation {
  return { type: 'del', key };
}
