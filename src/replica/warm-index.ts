import { CertificationIndex, type WindowBounds } from '../certification/certification-index.js';
import type { Entry } from '../model/entry.js';
import { logPosition, seqno, type Seqno } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { decodeEntry } from '../model/entry.js';
import { decodeWriteSetHeader, effectOfMutation } from '../model/write-set.js';
import type { AppliedEntry, KeyspaceStore } from '../storage/store.js';

function windowBounds(): WindowBounds {
  return {
    transactionsMax: limits.windowTransactionsMax,
    keysMax: limits.windowKeysMax,
    deletedRangesMax: limits.windowDeletedRangesMax,
  };
}

/** An index that has seen nothing up to `floor`. */
export function emptyIndex(floor: Seqno): CertificationIndex {
  return new CertificationIndex(windowBounds(), floor);
}

/** An index of the commits that the store's entries still show, as far back as the window reaches. */
export async function warmIndex(store: KeyspaceStore): Promise<CertificationIndex> {
  const { head } = store;
  let position = firstOfWindow(store);
  const first = position > head.position ? undefined : store.entryHeader(logPosition(position));
  const index = emptyIndex(seqno(first === undefined ? head.seqno : first.firstSeqno - 1));
  while (position <= head.position) {
    const entries = await store.entries(logPosition(position), limits.feedReadBytesMax);
    if (entries.length === 0) throw new Error(`entry ${position} is not in the store`);
    for (const bytes of entries) if (position++ <= head.position) recordEntry(index, decodeEntry(bytes));
  }
  return index;
}

/** Binary search for the oldest kept entry that the window may need. */
function firstOfWindow(store: KeyspaceStore): number {
  const floor = store.head.seqno - limits.windowTransactionsMax;
  let low = store.oldestPosition;
  let high = store.head.position;
  while (low < high) {
    const middle = (low + high) >> 1;
    const header = store.entryHeader(logPosition(middle));
    if (header === undefined || header.firstSeqno <= floor) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Feeds what an entry wrote to an index that has seen everything before it. */
export function recordApplied(index: CertificationIndex, { entry, writeSets }: AppliedEntry): void {
  let at: number = entry.firstSeqno;
  for (const { mutations } of writeSets) index.record(seqno(at++), mutations.map(effectOfMutation));
}

function recordEntry(index: CertificationIndex, { firstSeqno, content }: Entry): void {
  if (content.kind !== 'batch') return;
  let at: number = firstSeqno;
  for (const item of content.items) {
    if (item.kind === 'transaction') index.record(seqno(at++), decodeWriteSetHeader(item.writeSet).effects);
  }
}
