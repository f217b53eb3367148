import { decodeEntry, decodeEntryHeader } from '../model/entry.js';
import type { TransactionId } from '../model/ids.js';
import type { LoggedOutcome } from '../model/outcome.js';
import { decodeWriteSet, type WriteSet } from '../model/write-set.js';
import { readEntries } from './entry-reader.js';
import { decodeStoredOutcome, outcomeKey } from './layout.js';
import type { SharedState } from './shared-state.js';
import { StoreDamaged, type AppliedEntry, type Head } from './store.js';

/**
 * What a reopened store holds beyond `known`, the head before. Throws StoreDamaged when it does not hold all that was
 * there, or holds another history.
 */
export async function readApplied(state: SharedState, known: Head): Promise<AppliedEntry[]> {
  const { head } = state;
  if (head.position < known.position) {
    throw new StoreDamaged(
      `entries ${head.position + 1} to ${known.position}, which were durable, are gone after a failed write`,
    );
  }
  const applied: AppliedEntry[] = [];
  while (known.position + applied.length < head.position) {
    const from = known.position + applied.length + 1;
    const bytes = await readEntries(state, from, 0);
    applied.push(appliedEntry(state, bytes[0]!));
  }
  const first = applied[0];
  const hashAtKnown = first === undefined ? head.chainHash : decodeEntryHeader(first.bytes).previousHash;
  if (!hashAtKnown.equals(known.chainHash)) {
    throw new StoreDamaged(`entry ${known.position} is another one after a failed write (chain hash)`);
  }
  return applied;
}

function appliedEntry(state: SharedState, bytes: Uint8Array): AppliedEntry {
  const entry = decodeEntry(bytes);
  const items = entry.content.kind === 'batch' ? entry.content.items : [];
  const writeSets: WriteSet[] = [];
  const outcomes = items.map((item) => {
    if (item.kind === 'tombstone') return { id: item.id, outcome: item.outcome };
    const writeSet = decodeWriteSet(item.writeSet);
    writeSets.push(writeSet);
    return { id: writeSet.id, outcome: storedOutcome(state, writeSet.id) };
  });
  return { entry, bytes, writeSets, outcomes };
}

function storedOutcome(state: SharedState, id: TransactionId): LoggedOutcome {
  const at = outcomeKey(id);
  const record = state.read(at);
  if (record === undefined) throw new StoreDamaged(`the outcome of ${id} is missing`);
  return decodeStoredOutcome(at, record);
}
