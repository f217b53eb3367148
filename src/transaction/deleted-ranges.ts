import { failure, type Failure } from '../model/errors.js';
import { limits } from '../model/limits.js';
import type { StoreSnapshot } from '../storage/store.js';
import type { MutationRequest } from './service.js';

/** Refuses what would delete more keys than `limits.deleteRangeKeysMax` at the snapshot (ADR 0004). */
export async function tooManyDeleted(
  snapshot: StoreSnapshot,
  mutations: readonly MutationRequest[],
): Promise<Failure | undefined> {
  let keys = 0;
  for (const mutation of mutations) {
    if (mutation.kind !== 'deleteRange') continue;
    for await (const entries of snapshot.scan(mutation.range)) {
      keys += entries.length;
      if (keys > limits.deleteRangeKeysMax) {
        const message = `the deleted ranges hold more than ${limits.deleteRangeKeysMax} keys; delete them in parts`;
        return failure('TRANSACTION_TOO_LARGE', message, {
          details: { limit: limits.deleteRangeKeysMax, size: keys },
        });
      }
    }
  }
  return undefined;
}
