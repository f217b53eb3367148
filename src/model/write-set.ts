import { hash } from 'node:crypto';
import { assert } from './assert.js';
import { ByteReader, ByteWriter, MalformedBytes } from './bytes.js';
import { seqno, type Seqno, type TransactionId } from './ids.js';
import type { Key, KeyRange } from './keys.js';
import type { AtomicKind } from './value.js';

export type Isolation = 'serializable' | 'snapshot';

/** `ttlMs` counts from the log time of the entry that carries it; 0: no expiry (set), the present one stays (atomic). */
export type Mutation =
  | {
      readonly kind: 'set';
      readonly key: Key;
      readonly bytes: Uint8Array;
      readonly contentType: string;
      readonly ttlMs: number;
    }
  | { readonly kind: 'delete'; readonly key: Key }
  | { readonly kind: 'deleteRange'; readonly range: KeyRange }
  | {
      readonly kind: AtomicKind;
      readonly key: Key;
      readonly operand: bigint;
      readonly ttlMs: number;
      /** True when the transaction also read the key: it is certified as a plain write. */
      readonly asPlain: boolean;
    }
  | { readonly kind: 'expire'; readonly key: Key };

/** What certification needs of a mutation: its key or range and whether it counts as a plain write. */
export type Effect =
  | { readonly kind: 'plain'; readonly key: Key }
  | { readonly kind: 'atomic'; readonly key: Key }
  | { readonly kind: 'range'; readonly range: KeyRange };

export interface WriteSetHeader {
  readonly id: TransactionId;
  /** SHA-256 of what the client sent, 32 bytes: the same id with another content is refused. */
  readonly contentHash: Buffer;
  readonly isolation: Isolation;
  /** The seqno that the transaction read at; undefined for blind writes, which read nothing. */
  readonly snapshot: Seqno | undefined;
  readonly effects: readonly Effect[];
}

export interface WriteSet {
  readonly id: TransactionId;
  readonly contentHash: Buffer;
  readonly isolation: Isolation;
  readonly snapshot: Seqno | undefined;
  readonly mutations: readonly Mutation[];
}

const formatVersion = 1;
const kinds = ['set', 'delete', 'deleteRange', 'sum', 'min', 'max', 'expire'] as const;
const kindMask = 0x0f;
const asPlainFlag = 0x10;
const snapshotIsolationFlag = 0x01;
const hasSnapshotFlag = 0x02;

/**
 * Format 1: version u8, body offset u32 | id 16, content hash 32, flags u8, [snapshot varint], count varint, per
 * mutation kind u8 and key, or start, bounded u8, [end] | per mutation its values. Up to the body offset it is the
 * header, which can be read without the values.
 */
export function encodeWriteSet(writeSet: WriteSet): Buffer {
  assert(writeSet.contentHash.length === 32, 'a content hash has 32 bytes');
  const writer = new ByteWriter(512);
  writer.u8(formatVersion).u32(0).uuid(writeSet.id).raw(writeSet.contentHash);
  const isolationFlag = writeSet.isolation === 'snapshot' ? snapshotIsolationFlag : 0;
  writer.u8(isolationFlag | (writeSet.snapshot === undefined ? 0 : hasSnapshotFlag));
  if (writeSet.snapshot !== undefined) writer.varint(writeSet.snapshot);
  writer.varint(writeSet.mutations.length);
  for (const mutation of writeSet.mutations) encodeEffect(writer, mutation);
  writer.patchU32(1, writer.length);
  for (const mutation of writeSet.mutations) encodeOperand(writer, mutation);
  return writer.finish();
}

function encodeEffect(writer: ByteWriter, mutation: Mutation): void {
  const asPlain = 'asPlain' in mutation && mutation.asPlain ? asPlainFlag : 0;
  writer.u8(kinds.indexOf(mutation.kind) | asPlain);
  if (mutation.kind === 'deleteRange') encodeRange(writer, mutation.range);
  else writer.latin1(mutation.key);
}

function encodeOperand(writer: ByteWriter, mutation: Mutation): void {
  switch (mutation.kind) {
    case 'set':
      writer.varint(mutation.ttlMs).latin1(mutation.contentType).bytes(mutation.bytes);
      return;
    case 'sum':
    case 'min':
    case 'max':
      writer.varint(mutation.ttlMs).i64(mutation.operand);
      return;
    case 'delete':
    case 'deleteRange':
    case 'expire':
      return;
  }
}

function encodeRange(writer: ByteWriter, range: KeyRange): void {
  writer.latin1(range.start).u8(range.end === undefined ? 0 : 1);
  if (range.end !== undefined) writer.latin1(range.end);
}

type MutationKind = (typeof kinds)[number];

/** A mutation as far as the header tells it. */
interface HeadedMutation {
  readonly kind: MutationKind;
  readonly asPlain: boolean;
  /** Of the key alone `start` counts. */
  readonly start: Key;
  readonly end: Key | undefined;
}

/** Reads everything up to the body; `effects` is left to the caller, out of `headed`. */
function decodeHeader(reader: ByteReader): Omit<WriteSetHeader, 'effects'> & { headed: HeadedMutation[] } {
  const version = reader.u8();
  if (version !== formatVersion) throw new MalformedBytes(`write set of unknown format ${version}`);
  const bodyOffset = reader.u32();
  const id = reader.uuid() as TransactionId;
  const contentHash = reader.raw(32);
  const flags = reader.u8();
  const snapshot = (flags & hasSnapshotFlag) === 0 ? undefined : seqno(reader.varint());
  const headed: HeadedMutation[] = [];
  for (let left = reader.varint(); left > 0; left--) headed.push(decodeHeaded(reader));
  if (reader.position !== bodyOffset)
    throw new MalformedBytes('write set header of another length than it says');
  const isolation: Isolation = (flags & snapshotIsolationFlag) === 0 ? 'serializable' : 'snapshot';
  return { id, contentHash, isolation, snapshot, headed };
}

function decodeHeaded(reader: ByteReader): HeadedMutation {
  const tag = reader.u8();
  const kind = kinds[tag & kindMask];
  if (kind === undefined) throw new MalformedBytes(`mutation of unknown kind ${tag}`);
  const asPlain = (tag & asPlainFlag) !== 0;
  const start = reader.latin1() as Key;
  const isBounded = kind === 'deleteRange' && reader.u8() !== 0;
  return { kind, asPlain, start, end: isBounded ? (reader.latin1() as Key) : undefined };
}

function effectOf({ kind, asPlain, start, end }: HeadedMutation): Effect {
  switch (kind) {
    case 'deleteRange':
      return { kind: 'range', range: { start, end } };
    case 'set':
    case 'delete':
    case 'expire':
      return { kind: 'plain', key: start };
    case 'sum':
    case 'min':
    case 'max':
      return { kind: asPlain ? 'plain' : 'atomic', key: start };
  }
}

/** What a mutation is to certification. */
export function effectOfMutation(mutation: Mutation): Effect {
  if (mutation.kind === 'deleteRange') return { kind: 'range', range: mutation.range };
  const isAtomic = 'asPlain' in mutation && !mutation.asPlain;
  return { kind: isAtomic ? 'atomic' : 'plain', key: mutation.key };
}

/** Reads the header alone. Throws MalformedBytes. */
export function decodeWriteSetHeader(bytes: Uint8Array): WriteSetHeader {
  const { id, contentHash, isolation, snapshot, headed } = decodeHeader(new ByteReader(bytes));
  return { id, contentHash, isolation, snapshot, effects: headed.map(effectOf) };
}

/** Reads the whole; values share memory with `bytes`. Throws MalformedBytes. */
export function decodeWriteSet(bytes: Uint8Array): WriteSet {
  const reader = new ByteReader(bytes);
  const { id, contentHash, isolation, snapshot, headed } = decodeHeader(reader);
  const mutations = headed.map((one) => decodeMutation(reader, one));
  reader.end('a write set');
  return { id, contentHash, isolation, snapshot, mutations };
}

function decodeMutation(reader: ByteReader, { kind, asPlain, start, end }: HeadedMutation): Mutation {
  const key = start;
  switch (kind) {
    case 'set': {
      const ttlMs = reader.varint();
      const contentType = reader.latin1();
      return { kind: 'set', key, ttlMs, contentType, bytes: reader.bytes() };
    }
    case 'sum':
    case 'min':
    case 'max': {
      const ttlMs = reader.varint();
      return { kind, key, ttlMs, operand: reader.i64(), asPlain };
    }
    case 'delete':
    case 'expire':
      return { kind, key };
    case 'deleteRange':
      return { kind: 'deleteRange', range: { start, end } };
  }
}

/** The hash of what a client sent, given in pieces that no other content shares (lengths are hashed with them). */
export function contentHashOf(pieces: readonly (Uint8Array | string)[]): Buffer {
  const parts: Uint8Array[] = [];
  let text = '';
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      text += `${Buffer.byteLength(piece)}:${piece}`;
      continue;
    }
    parts.push(Buffer.from(`${text}${piece.length}:`), piece);
    text = '';
  }
  parts.push(Buffer.from(text));
  return hash('sha256', Buffer.concat(parts), 'buffer');
}
