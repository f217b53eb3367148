import type { KeyspaceId } from '../model/ids.js';
import type { Logger } from '../runtime/runtime.js';
import { openIncomingCopy } from '../storage/level-incoming-copy.js';
import type { StorePlace } from '../storage/store-place.js';
import { StoreDamaged } from '../storage/store.js';

/** The history of a copy that was being brought in when the node stopped; what cannot be gone on with is dropped. */
export async function unfinishedCopy(place: StorePlace, logger: Logger): Promise<KeyspaceId | undefined> {
  try {
    const copy = await openIncomingCopy(() => place.openIncoming(), logger);
    const history = copy?.origin.head.keyspaceId;
    await copy?.close();
    if (history !== undefined) return history;
  } catch (error) {
    if (!(error instanceof StoreDamaged)) throw error;
    logger.warn({ error }, 'a copy that was being brought in is damaged: it is dropped');
  }
  await place.dropIncoming();
  return undefined;
}
