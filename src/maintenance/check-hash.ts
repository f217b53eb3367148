import { createHash } from 'node:crypto';
import { ByteWriter } from '../model/bytes.js';
import { firstKey } from '../model/keys.js';
import { encodeOutcome } from '../model/outcome.js';
import { StateHasher } from '../model/state-hash.js';
import { uuidToBytes } from '../model/ids.js';
import { delay, type Runtime } from '../runtime/runtime.js';
import type { StoredOutcome, StoreSnapshot } from '../storage/store.js';

/** Rests this many times as long as it worked. */
const restFactor = 3;
const restMsMax = 1000;

/**
 * SHA-256, hex, over the state hash and the hash of the outcomes that every node must still have, those of ids at or above
 * the id floor (docs/concepts/consistency-checks.md has the bytes). Works a page at a time, at most a quarter of the
 * time. Undefined once `isWanted` no longer is. Throws StoreDamaged, StoreClosed.
 */
export async function checkHash(
  snapshot: StoreSnapshot,
  { clock, timers }: Pick<Runtime, 'clock' | 'timers'>,
  isWanted: () => boolean,
): Promise<string | undefined> {
  let workingSinceMs = clock.monotonicMs();
  const rest = async (): Promise<void> => {
    const workedMs = clock.monotonicMs() - workingSinceMs;
    await delay(timers, Math.min(restFactor * workedMs, restMsMax));
    workingSinceMs = clock.monotonicMs();
  };
  const state = new StateHasher();
  for await (const page of snapshot.scan({ start: firstKey, end: undefined })) {
    for (const { key, value } of page) state.add(key, value);
    await rest();
    if (!isWanted()) return undefined;
  }
  const outcomes = createHash('sha256');
  for await (const page of snapshot.outcomes(snapshot.head.idFloorMs)) {
    outcomes.update(outcomeBytes(page));
    await rest();
    if (!isWanted()) return undefined;
  }
  const both = createHash('sha256').update(state.digest().hash, 'hex').update(outcomes.digest());
  return both.digest('hex');
}

/** Of each: the id's 16 bytes, the length of the outcome u32, the outcome as it is stored. */
function outcomeBytes(page: readonly StoredOutcome[]): Buffer {
  const writer = new ByteWriter(128 * page.length);
  for (const { id, outcome } of page) {
    const encoded = new ByteWriter(96);
    encodeOutcome(encoded, outcome);
    const bytes = encoded.finish();
    writer.raw(uuidToBytes(id)).u32(bytes.length).raw(bytes);
  }
  return writer.finish();
}
