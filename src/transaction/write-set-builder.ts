import { needsSnapshot } from '../certification/request.js';
import { fail, succeed, type Result } from '../model/errors.js';
import type { Seqno, TransactionId } from '../model/ids.js';
import { keyToBytes, rangeContains, type Key, type KeyRange } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { effectOfMutation, encodeWriteSet, type Isolation, type Mutation } from '../model/write-set.js';
import type { Submission } from '../transport/messages.js';
import type { MutationRequest } from './service.js';
import { tooLarge } from './validation.js';

export interface ReadSet {
  readonly keys: ReadonlySet<Key>;
  readonly ranges: readonly KeyRange[];
  readonly checks: ReadonlySet<Key>;
}

export interface TransactionContent {
  readonly id: TransactionId;
  readonly contentHash: Buffer;
  readonly isolation: Isolation;
  /** Of the snapshot that was read, or that a blind transaction could have read. */
  readonly snapshot: Seqno;
  readonly mutations: readonly MutationRequest[];
  readonly reads: ReadSet;
  readonly mayBeRetry: boolean;
}

const noBytes = new Uint8Array(0);

/** Encodes a transaction once, for the sequencer and the log. Under `snapshot` isolation its reads stay at home. */
export function buildSubmission(content: TransactionContent): Result<Submission> {
  const { id, contentHash, isolation, reads } = content;
  if (content.mutations.length > limits.mutationsMax) {
    return { ok: false, failure: tooLarge('mutations', content.mutations.length, limits.mutationsMax) };
  }
  const ranges = content.mutations.filter((mutation) => mutation.kind === 'deleteRange').length;
  if (ranges > limits.deleteRangesPerTransactionMax) {
    return { ok: false, failure: tooLarge('deleted ranges', ranges, limits.deleteRangesPerTransactionMax) };
  }
  const mutations = content.mutations.map((mutation) => toMutation(mutation, reads));
  const serializable = isolation === 'serializable';
  const readKeys = serializable ? [...reads.keys] : [];
  const readRanges = serializable ? reads.ranges : [];
  const checkKeys = [...reads.checks];
  const needs = needsSnapshot({
    isolation,
    readKeys,
    readRanges,
    checkKeys,
    effects: mutations.map(effectOfMutation),
  });
  const snapshot = needs ? content.snapshot : undefined;
  const writeSet = encodeWriteSet({ id, contentHash, isolation, snapshot, mutations });
  if (writeSet.length > limits.transactionBytesMax) {
    return {
      ok: false,
      failure: tooLarge('bytes of the transaction', writeSet.length, limits.transactionBytesMax),
    };
  }
  const submission: Submission = {
    writeSet,
    readKeys: readKeys.map(keyToBytes),
    readRanges: readRanges.map(({ start, end }) => ({
      start: keyToBytes(start),
      end: end === undefined ? noBytes : keyToBytes(end),
      unbounded: end === undefined,
    })),
    checkKeys: checkKeys.map(keyToBytes),
    retry: content.mayBeRetry,
    resolveId: noBytes,
    resolveAs: noBytes,
  };
  const readBytes = readSetBytes(reads);
  if (readBytes <= limits.readSetBytesMax) return succeed(submission);
  const message = `the read set has ${readBytes} bytes, the limit is ${limits.readSetBytesMax}`;
  return fail('TRANSACTION_TOO_LARGE', message, {
    details: { limit: limits.readSetBytesMax, size: readBytes },
  });
}

/** Encoded bytes of a read set, roughly. */
export function readSetBytes(reads: ReadSet): number {
  let bytes = 0;
  for (const key of reads.keys) bytes += key.length + 4;
  for (const key of reads.checks) bytes += key.length + 4;
  for (const { start, end } of reads.ranges) bytes += start.length + (end?.length ?? 0) + 8;
  return bytes;
}

/** An atomic mutation of a key that the transaction also read, by key, range or check, is certified as a plain write. */
export function toMutation(mutation: MutationRequest, reads: ReadSet): Mutation {
  switch (mutation.kind) {
    case 'delete':
    case 'deleteRange':
      return mutation;
    case 'set': {
      const { key, bytes, contentType, ttlMs = 0 } = mutation;
      return { kind: 'set', key, bytes, contentType, ttlMs };
    }
    case 'sum':
    case 'min':
    case 'max': {
      const { kind, key, operand, ttlMs = 0 } = mutation;
      const wasRead =
        reads.keys.has(key) ||
        reads.checks.has(key) ||
        reads.ranges.some((range) => rangeContains(range, key));
      return { kind, key, operand, ttlMs, asPlain: wasRead };
    }
  }
}
