import type { Logger } from '../runtime/runtime.js';
import type { CopyOrigin } from '../storage/incoming-copy.js';
import { openIncomingCopy } from '../storage/level-incoming-copy.js';
import type { StorePlace } from '../storage/store-place.js';
import { StoreDamaged } from '../storage/store.js';

/** What a copy is of that was being brought in when the node stopped; what cannot be gone on with is dropped. */
export async function unfinishedCopy(place: StorePlace, logger: Logger): Promise<CopyOrigin | undefined> {
  try {
    const copy = await openIncomingCopy(() => place.openIncoming(), logger);
    await copy?.close();
    if (copy !== undefined) return copy.origin;
  } catch (error) {
    if (!(error instanceof StoreDamaged)) throw error;
    logger.warn({ error }, 'a copy that was being brought in is damaged: it is dropped');
  }
  await place.dropIncoming();
  return undefined;
}
