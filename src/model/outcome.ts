import { ByteReader, MalformedBytes, type ByteWriter } from './bytes.js';
import type { ErrorCode } from './errors.js';
import { seqno, type Seqno } from './ids.js';
import type { Key } from './keys.js';

/** The key that doomed a transaction and the seqno that won. */
export interface Conflict {
  readonly key: Key;
  readonly winner: Seqno;
}

/** The codes that a tombstone can carry. Order is part of the format. */
export const abortCodes = [
  'CERTIFICATION_CONFLICT',
  'SNAPSHOT_TOO_OLD',
  'TRANSACTION_ABORTED',
  'CHECK_FAILED',
  'TYPE_MISMATCH',
] as const satisfies readonly ErrorCode[];
export type AbortCode = (typeof abortCodes)[number];

/** The counter after an atomic mutation; of `expire` 1 when it deleted, else 0; null for every other. In the order of the mutations. */
export type MutationResults = readonly (bigint | null)[];

/** What the log says of a transaction id, for ever. */
export type LoggedOutcome =
  | {
      readonly kind: 'committed';
      readonly seqno: Seqno;
      readonly contentHash: Buffer;
      readonly results: MutationResults;
    }
  | {
      readonly kind: 'aborted';
      readonly code: AbortCode;
      readonly conflict: Conflict | undefined;
      /** Undefined when the tombstone was made by resolution: it matches every content. */
      readonly contentHash: Buffer | undefined;
    };

export type AbortedOutcome = Extract<LoggedOutcome, { kind: 'aborted' }>;

/** For the store's record of an id; `decodeOutcome` reads it. */
export function encodeOutcome(writer: ByteWriter, outcome: LoggedOutcome): void {
  if (outcome.kind === 'committed') {
    writer.u8(1).varint(outcome.seqno).raw(outcome.contentHash).varint(outcome.results.length);
    for (const result of outcome.results) {
      writer.u8(result === null ? 0 : 1);
      if (result !== null) writer.i64(result);
    }
  } else {
    writer.u8(2);
    encodeAborted(writer, outcome);
  }
}

/** The part that a tombstone of the log has too. */
export function encodeAborted(writer: ByteWriter, outcome: AbortedOutcome): void {
  writer.u8(abortCodes.indexOf(outcome.code));
  writer.u8((outcome.conflict === undefined ? 0 : 1) | (outcome.contentHash === undefined ? 0 : 2));
  if (outcome.conflict !== undefined) writer.latin1(outcome.conflict.key).varint(outcome.conflict.winner);
  if (outcome.contentHash !== undefined) writer.raw(outcome.contentHash);
}

/** Throws MalformedBytes. */
export function decodeAborted(reader: ByteReader): AbortedOutcome {
  const code = abortCodes[reader.u8()];
  if (code === undefined) throw new MalformedBytes('tombstone of unknown code');
  const flags = reader.u8();
  const conflict =
    (flags & 1) === 0 ? undefined : { key: reader.latin1() as Key, winner: seqno(reader.varint()) };
  return { kind: 'aborted', code, conflict, contentHash: (flags & 2) === 0 ? undefined : reader.raw(32) };
}

/** Throws MalformedBytes. */
export function decodeOutcome(bytes: Uint8Array): LoggedOutcome {
  const reader = new ByteReader(bytes);
  const tag = reader.u8();
  if (tag === 2) return decodeAborted(reader);
  if (tag !== 1) throw new MalformedBytes(`outcome of unknown kind ${tag}`);
  const at = seqno(reader.varint());
  const contentHash = reader.raw(32);
  const results: (bigint | null)[] = [];
  for (let left = reader.varint(); left > 0; left--) results.push(reader.u8() === 0 ? null : reader.i64());
  return { kind: 'committed', seqno: at, contentHash, results };
}

/** Whether an outcome is that of this content; a tombstone by resolution is that of every content. */
export function outcomeMatches(outcome: LoggedOutcome, contentHash: Uint8Array): boolean {
  return outcome.contentHash === undefined || outcome.contentHash.equals(contentHash);
}
