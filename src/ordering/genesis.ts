import { encodeEntry, zeroHash } from '../model/entry.js';
import { epoch, logPosition, seqno, type KeyspaceId } from '../model/ids.js';

/** What a history begins with. */
export interface Beginning {
  /** Fresh: never used by another history. */
  readonly keyspaceId: KeyspaceId;
  readonly keyspace: string;
  readonly nowMs: number;
  /** 16 bytes, of whoever begins it. */
  readonly nonce: Buffer;
}

/** The encoded entry at position 0. */
export function encodeGenesis({ keyspaceId, keyspace, nowMs, nonce }: Beginning): Buffer {
  return encodeEntry({
    kind: 'genesis',
    epoch: epoch(0),
    position: logPosition(0),
    firstSeqno: seqno(1),
    count: 0,
    logTimeMs: nowMs,
    nonce,
    previousHash: zeroHash,
    content: { kind: 'genesis', keyspaceId, keyspace },
  });
}

/** Why nobody can lead an empty log. */
export const noHistory = 'no history: run meridian init';
