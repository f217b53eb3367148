import type { Logger } from '../runtime/runtime.js';
import { openIncomingCopy } from '../storage/level-incoming-copy.js';
import type { StorePlace } from '../storage/store-place.js';
import { StoreDamaged, type Head, type KeyspaceStore } from '../storage/store.js';

/** What a copy is of that was being brought in when the node stopped; what cannot be gone on with is dropped. */
export async function unfinishedCopy(place: StorePlace, logger: Logger): Promise<Head | undefined> {
  try {
    const copy = await openIncomingCopy(() => place.openIncoming(), logger);
    await copy?.close();
    if (copy !== undefined) return copy.origin.head;
  } catch (error) {
    if (!(error instanceof StoreDamaged)) throw error;
    logger.warn({ error }, 'a copy that was being brought in is damaged: it is dropped');
  }
  await place.dropIncoming();
  return undefined;
}

/**
 * Whether it was begun on the operator's word: of itself a node takes only a copy of its own history that goes beyond its own
 * one, and never in the place of one that is damaged or was found wrong. `own`: undefined when it is damaged.
 */
export function wasOrdered(begun: Head, own: KeyspaceStore | undefined): boolean {
  if (own === undefined) return true;
  const { keyspaceId, position } = own.head;
  if (keyspaceId === undefined) return false;
  return own.condemned !== undefined || keyspaceId !== begun.keyspaceId || position >= begun.position;
}
