import { verifyEntryBytes } from '../model/entry.js';
import { entryKey, everything, positionOfEntryKey } from './layout.js';
import type { SharedState } from './shared-state.js';
import { StoreDamaged } from './store.js';

const pageEntries = 256;

/** Encoded entries of a state from `from` on, at least one if there is one, else about `bytesMax` at most; none when `from` is not kept. */
export async function readEntries(state: SharedState, from: number, bytesMax: number): Promise<Uint8Array[]> {
  if (from < state.oldestPosition || from > state.head.position) return [];
  const iterator = state.database.iterator({
    gte: entryKey(from),
    lt: everything('entry').lt,
    snapshot: state.snapshot,
    fillCache: false,
    highWaterMarkBytes: bytesMax,
  } as object);
  const found: Uint8Array[] = [];
  let bytesFound = 0;
  try {
    for (;;) {
      const rows = await iterator.nextv(pageEntries);
      if (rows.length === 0) return found;
      for (const [key, bytes] of rows) {
        if (found.length > 0 && bytesFound + bytes.length > bytesMax) return found;
        expectPosition(from + found.length, positionOfEntryKey(key), bytes);
        found.push(bytes);
        bytesFound += bytes.length;
      }
    }
  } finally {
    await iterator.close();
  }
}

function expectPosition(expected: number, position: number, bytes: Buffer): void {
  if (position !== expected) throw new StoreDamaged(`entry ${expected} is missing`);
  if (verifyEntryBytes(bytes).position !== expected) {
    throw new StoreDamaged(`entry ${expected} is in another's place`);
  }
}
