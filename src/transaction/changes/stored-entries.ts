import { decodeEntry } from '../../model/entry.js';
import { logPosition, seqno, type Seqno } from '../../model/ids.js';
import type { KeyspaceStore } from '../../storage/store.js';
import { EntryCommits } from './entry-commits.js';

/** The oldest seqno that a feed can begin after: everything later is kept. */
export function oldestFeedSeqno(store: KeyspaceStore): Seqno {
  const oldest = store.oldestPosition;
  const header = oldest > store.head.position ? undefined : store.entryHeader(logPosition(oldest));
  return header === undefined ? store.head.seqno : seqno(header.firstSeqno - 1);
}

/**
 * The position of the entry with transaction `wanted`, which is applied; undefined when it is not kept. A binary search over
 * headers: reads about log2 of the entries kept.
 */
export function positionOf(store: KeyspaceStore, wanted: number): number | undefined {
  let low = store.oldestPosition;
  let high = store.head.position;
  // Entries without transactions bear the seqno that comes next: the last that begins at or below it has it.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const header = store.entryHeader(logPosition(middle));
    if (header === undefined) return undefined;
    if (header.firstSeqno <= wanted) low = middle;
    else high = middle - 1;
  }
  const header = low > store.head.position ? undefined : store.entryHeader(logPosition(low));
  const has =
    header !== undefined && header.firstSeqno <= wanted && wanted < header.firstSeqno + header.count;
  return has ? low : undefined;
}

/** Entries from `position` on, about `bytesMax` together, one at least; none when `position` is not kept. */
export async function readCommits(
  store: KeyspaceStore,
  position: number,
  bytesMax: number,
): Promise<EntryCommits[]> {
  const entries = await store.entries(logPosition(position), bytesMax);
  return entries.map((bytes) => new EntryCommits(decodeEntry(bytes), (_, { id }) => store.outcome(id)));
}
