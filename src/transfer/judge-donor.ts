import { MalformedBytes } from '../model/bytes.js';
import { hashBytes, nonceBytes } from '../model/entry.js';
import { epoch, seqno, uuidFromBytes, type KeyspaceId } from '../model/ids.js';
import type { CopyChunk, CopyOrigin } from '../storage/incoming-copy.js';
import { hashPacked, unpackRows } from '../storage/packed-rows.js';
import { isCopied } from '../storage/rows.js';
import type { Row } from '../storage/store.js';
import type { TransferChunk, TransferWelcome } from '../transport/messages.js';

/** What a donor sent cannot be: another one is asked. */
export interface Untrue {
  readonly untrue: string;
}

const replacedMax = 1000;

/** What a welcome says the copy is of, as far as it can be judged before the entries that follow it. */
export function judgeWelcome(welcome: TransferWelcome, expected: KeyspaceId): CopyOrigin | Untrue {
  const { transferId, keyspaceId, hash, nonce, replaced } = welcome;
  if (transferId.length !== 16 || keyspaceId.length !== 16) return { untrue: 'a welcome without its ids' };
  if (hash.length !== hashBytes || nonce.length !== nonceBytes)
    return { untrue: 'a hash or a nonce of another length' };
  if (replaced.length > replacedMax) return { untrue: `${replaced.length} replaced histories` };
  const id = uuidFromBytes(keyspaceId) as KeyspaceId;
  if (id !== expected) return { untrue: `a copy of history ${id}; it had named ${expected}` };
  return {
    transferId: Buffer.from(transferId),
    head: {
      keyspaceId: id,
      position: welcome.position,
      seqno: seqno(welcome.seqno),
      epoch: epoch(welcome.epoch),
      chainHash: Buffer.from(hash),
      nonce: Buffer.from(nonce),
      logTimeMs: welcome.logTimeMs,
      idFloorMs: welcome.idFloorMs,
    },
    replaced: replaced.map((history) => ({
      keyspaceId: uuidFromBytes(history.keyspaceId) as KeyspaceId,
      position: history.position,
      seqno: seqno(history.seqno),
    })),
  };
}

/** Whether a donor that goes on with a transfer means the copy that was begun. */
export function judgeResumed(origin: CopyOrigin, begun: CopyOrigin): Untrue | undefined {
  const isSame =
    origin.transferId.equals(begun.transferId) &&
    origin.head.position === begun.head.position &&
    origin.head.chainHash.equals(begun.head.chainHash);
  return isSame ? undefined : { untrue: 'it goes on with another transfer' };
}

/** Where a copy stands: chunks, and the database key of the last row. */
export interface CopyPlace {
  readonly chunks: number;
  readonly lastKey: Buffer | undefined;
}

/** A chunk that follows `place`: the next number, what its hash says, rows of a copy, keys ascending. */
export function judgeChunk(message: TransferChunk, place: CopyPlace): CopyChunk | Untrue {
  const { number } = message;
  if (number !== place.chunks + 1) return { untrue: `chunk ${number} after chunk ${place.chunks}` };
  if (!hashPacked(message.rows).equals(message.hash))
    return { untrue: `chunk ${number} is not what its hash says` };
  const rows = rowsOf(message.rows);
  if (rows === undefined || rows.length === 0) return { untrue: `chunk ${number} carries no rows` };
  let previous = place.lastKey;
  for (const { key } of rows) {
    if (previous !== undefined && previous.compare(key) >= 0)
      return { untrue: `the keys of chunk ${number} do not ascend` };
    if (!isCopied(key)) return { untrue: `chunk ${number} carries what is no part of a copy` };
    previous = key;
  }
  return { number, rows, hash: Buffer.from(message.hash) };
}

function rowsOf(packed: Uint8Array): Row[] | undefined {
  try {
    return unpackRows(packed);
  } catch (error) {
    if (error instanceof MalformedBytes) return undefined;
    throw error;
  }
}
