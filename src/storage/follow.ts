import { MalformedBytes } from '../model/bytes.js';
import { decodeEntry, entryHash, lastSeqnoOf, nonceBytes, zeroHash, type Entry } from '../model/entry.js';
import { epoch, seqno } from '../model/ids.js';
import { decodeWriteSet, type WriteSet } from '../model/write-set.js';
import { EntriesDoNotFollow, type Head } from './store.js';

export const emptyHead: Head = {
  keyspaceId: undefined,
  position: -1,
  seqno: seqno(0),
  epoch: epoch(0),
  chainHash: zeroHash,
  nonce: Buffer.alloc(nonceBytes),
  logTimeMs: 0,
  idFloorMs: 0,
};

export interface DecodedEntry {
  readonly entry: Entry;
  readonly bytes: Uint8Array;
  /** Of the entry's transactions, in order. */
  readonly writeSets: readonly WriteSet[];
}

/** Decodes entries and verifies that they follow `head` one after another. Throws EntriesDoNotFollow. */
export function decodeFollowing(
  head: Head,
  entries: readonly Uint8Array[],
): { readonly decoded: readonly DecodedEntry[]; readonly head: Head } {
  let at = head;
  const decoded: DecodedEntry[] = [];
  for (const bytes of entries) {
    const next = decodeOne(at.position + 1, bytes);
    const broken = whyNotFollowing(at, next);
    if (broken !== undefined) throw new EntriesDoNotFollow(`entry ${next.entry.position}: ${broken}`);
    at = headAfter(at, next.entry, bytes);
    decoded.push(next);
  }
  return { decoded, head: at };
}

function decodeOne(position: number, bytes: Uint8Array): DecodedEntry {
  try {
    const entry = decodeEntry(bytes);
    const items = entry.content.kind === 'batch' ? entry.content.items : [];
    const writeSets: WriteSet[] = [];
    for (const item of items) if (item.kind === 'transaction') writeSets.push(decodeWriteSet(item.writeSet));
    return { entry, bytes, writeSets };
  } catch (error) {
    if (!(error instanceof MalformedBytes) && !(error instanceof RangeError)) throw error;
    throw new EntriesDoNotFollow(`the entry for position ${position} is malformed: ${error.message}`, {
      cause: error,
    });
  }
}

function whyNotFollowing(head: Head, { entry, writeSets }: DecodedEntry): string | undefined {
  if (entry.position !== head.position + 1) return `position ${head.position + 1} was expected`;
  if ((entry.kind === 'genesis') !== (entry.position === 0))
    return `a ${entry.kind} cannot be at this position`;
  if (!entry.previousHash.equals(head.chainHash)) return 'the entry before it is another one (chain hash)';
  if (entry.firstSeqno === 0) return 'seqnos begin at 1';
  // A history that another one became by `recover` begins above the old one's seqnos.
  if (entry.kind !== 'genesis' && entry.firstSeqno !== head.seqno + 1) {
    return `seqno ${head.seqno + 1} was expected, not ${entry.firstSeqno}`;
  }
  if (entry.count !== writeSets.length)
    return `${writeSets.length} transactions, but its header says ${entry.count}`;
  if (entry.epoch < head.epoch) return `epoch ${entry.epoch} is below ${head.epoch}`;
  if (entry.logTimeMs < head.logTimeMs) return `log time ${entry.logTimeMs} is below ${head.logTimeMs}`;
  if (idFloorAfter(head, entry) < head.idFloorMs) return 'the id floor falls';
  return undefined;
}

function idFloorAfter(head: Head, { content }: Entry): number {
  return content.kind === 'batch' || content.kind === 'barrier' ? content.idFloorMs : head.idFloorMs;
}

function headAfter(head: Head, entry: Entry, bytes: Uint8Array): Head {
  return {
    keyspaceId: entry.content.kind === 'genesis' ? entry.content.keyspaceId : head.keyspaceId,
    position: entry.position,
    seqno: lastSeqnoOf(entry),
    epoch: entry.epoch,
    chainHash: entryHash(bytes),
    nonce: Buffer.from(entry.nonce),
    logTimeMs: entry.logTimeMs,
    idFloorMs: idFloorAfter(head, entry),
  };
}
