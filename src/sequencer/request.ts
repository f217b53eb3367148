import { needsSnapshot } from '../certification/request.js';
import { ByteReader, MalformedBytes } from '../model/bytes.js';
import { uuidFromBytes, type TransactionId } from '../model/ids.js';
import { keyFromBytes, type Key, type KeyRange } from '../model/keys.js';
import { decodeAborted, type AbortedOutcome } from '../model/outcome.js';
import { decodeWriteSetHeader, type WriteSetHeader } from '../model/write-set.js';
import type { Submission } from '../transport/messages.js';

/** A transaction to certify, as a sequencer sees it. */
export interface CertifyRequest {
  readonly kind: 'certify';
  readonly id: TransactionId;
  readonly retry: boolean;
  readonly header: WriteSetHeader;
  readonly writeSet: Uint8Array;
  readonly readKeys: readonly Key[];
  readonly readRanges: readonly KeyRange[];
  readonly checkKeys: readonly Key[];
}

/** An id whose outcome is wanted: the one it has, else from now on `tombstone`. */
export interface ResolveRequest {
  readonly kind: 'resolve';
  readonly id: TransactionId;
  readonly tombstone: AbortedOutcome;
}

export type SequencerRequest = CertifyRequest | ResolveRequest;

/** What rolling back leaves in the log: it matches every content. */
export const rolledBack: AbortedOutcome = {
  kind: 'aborted',
  code: 'TRANSACTION_ABORTED',
  conflict: undefined,
  contentHash: undefined,
};

/** Throws MalformedBytes; only a peer of another version or a bug can cause it. */
export function parseSubmission(submission: Submission): SequencerRequest {
  if (submission.resolveId.length > 0) {
    const tombstone =
      submission.resolveAs.length === 0 ? rolledBack : decodeAborted(new ByteReader(submission.resolveAs));
    return { kind: 'resolve', id: uuidFromBytes(submission.resolveId) as TransactionId, tombstone };
  }
  const header = decodeWriteSetHeader(submission.writeSet);
  const request: CertifyRequest = {
    kind: 'certify',
    id: header.id,
    retry: submission.retry,
    header,
    writeSet: submission.writeSet,
    readKeys: submission.readKeys.map(keyFromBytes),
    readRanges: submission.readRanges.map((range) => ({
      start: keyFromBytes(range.start),
      end: range.unbounded ? undefined : keyFromBytes(range.end),
    })),
    checkKeys: submission.checkKeys.map(keyFromBytes),
  };
  const { isolation, effects } = header;
  const { readKeys, readRanges, checkKeys } = request;
  const isSnapshotMissing =
    header.snapshot === undefined && needsSnapshot({ isolation, effects, readKeys, readRanges, checkKeys });
  if (isSnapshotMissing) {
    throw new MalformedBytes(`transaction ${header.id} needs a snapshot and has none`);
  }
  return request;
}

/** Memory that a waiting request holds, roughly, in bytes. */
export function requestBytes(request: SequencerRequest): number {
  if (request.kind === 'resolve') return 128;
  const keys = request.readKeys.length + request.readRanges.length + request.checkKeys.length;
  return request.writeSet.length + 256 + 64 * keys;
}
