import { MalformedBytes } from '../model/bytes.js';
import { hashBytes, nonceBytes } from '../model/entry.js';
import { epoch, seqno, uuidFromBytes, type KeyspaceId } from '../model/ids.js';
import type { CopyChunk, CopyOrigin } from '../storage/incoming-copy.js';
import { unpackRows } from '../storage/packed-rows.js';
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

/** A chunk of the next number. Whether its rows are what its hash says, and a copy's, the incoming copy judges itself. */
export function judgeChunk(message: TransferChunk, chunks: number): CopyChunk | Untrue {
  const { number, rows: packed, hash } = message;
  if (number !== chunks + 1) return { untrue: `chunk ${number} after chunk ${chunks}` };
  try {
    return { number, rows: unpackRows(packed), packed, hash: Buffer.from(hash) };
  } catch (error) {
    if (error instanceof MalformedBytes) return { untrue: `chunk ${number}: ${error.message}` };
    throw error;
  }
}
