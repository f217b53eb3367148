import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { assert } from './assert.js';
import { ByteReader, ByteWriter, MalformedBytes } from './bytes.js';
import {
  epoch,
  logPosition,
  seqno,
  type Epoch,
  type KeyspaceId,
  type LogPosition,
  type Seqno,
  type TransactionId,
} from './ids.js';
import { decodeAborted, encodeAborted, type AbortedOutcome } from './outcome.js';

const entryFormatVersion = 1;
/** Order is part of the format. */
const entryKinds = ['genesis', 'batch', 'barrier', 'mark'] as const;
export type EntryKind = (typeof entryKinds)[number];

export const hashBytes = 32;
export const nonceBytes = 16;
/** The chain hash before the genesis. */
export const zeroHash: Buffer = Buffer.alloc(hashBytes);

/** An item of a batch: a committed write set, as its origin encoded it, or a word that an id will never commit. */
export type EntryItem =
  | { readonly kind: 'transaction'; readonly writeSet: Uint8Array }
  | { readonly kind: 'tombstone'; readonly id: TransactionId; readonly outcome: AbortedOutcome };

export type EntryContent =
  | { readonly kind: 'genesis'; readonly keyspaceId: KeyspaceId; readonly keyspace: string }
  /** Ids made before `idFloorMs` may have lost their outcome; it never falls. */
  | { readonly kind: 'batch'; readonly idFloorMs: number; readonly items: readonly EntryItem[] }
  /** The first entry of an epoch; `node` is the new sequencer's. */
  | { readonly kind: 'barrier'; readonly idFloorMs: number; readonly node: string }
  | { readonly kind: 'mark'; readonly mark: string };

export interface EntryHeader {
  readonly kind: EntryKind;
  readonly epoch: Epoch;
  readonly position: LogPosition;
  /** The seqno of the entry's first transaction; of the next one to come, when it has none. */
  readonly firstSeqno: Seqno;
  /** How many transactions (not tombstones) it carries. */
  readonly count: number;
  /** Log time, ms since the Unix epoch; never below the previous entry's. */
  readonly logTimeMs: number;
  /** Of the writer's election, so that identical bytes can only be the writer's own. */
  readonly nonce: Buffer;
  /** Hash of the previous entry's bytes: a chain, so that two histories cannot look alike. */
  readonly previousHash: Buffer;
}

export interface Entry extends EntryHeader {
  readonly content: EntryContent;
}

const headerBytes = 1 + 1 + 8 + 8 + 8 + 4 + 8 + nonceBytes + hashBytes + 4;
const checksumBytes = 4;
/** What an entry adds to its items, and each item to its bytes, at the most. */
export const entryOverheadBytes = headerBytes + checksumBytes + 32;
export const itemOverheadBytes = 8;

/** Format 1: the header's fields in their order, content length u32, content, CRC-32 of all before it. */
export function encodeEntry(entry: Entry): Buffer {
  assert(
    entry.nonce.length === nonceBytes && entry.previousHash.length === hashBytes,
    'lengths of nonce and hash',
  );
  assert(entry.kind === entry.content.kind, 'header and content are of one kind');
  const content = encodeContent(entry.content);
  const writer = new ByteWriter(headerBytes + content.length + checksumBytes);
  writer.u8(entryFormatVersion).u8(entryKinds.indexOf(entry.kind));
  writer.u64(entry.epoch).u64(entry.position).u64(entry.firstSeqno).u32(entry.count).u64(entry.logTimeMs);
  writer.raw(entry.nonce).raw(entry.previousHash).u32(content.length).raw(content);
  const bytes = writer.finish();
  return writer.u32(crc32(bytes)).finish();
}

function encodeContent(content: EntryContent): Buffer {
  const writer = new ByteWriter(1024);
  switch (content.kind) {
    case 'genesis':
      return writer.uuid(content.keyspaceId).latin1(content.keyspace).finish();
    case 'barrier':
      return writer.varint(content.idFloorMs).latin1(content.node).finish();
    case 'mark':
      return writer.latin1(content.mark).finish();
    case 'batch':
      writer.varint(content.idFloorMs).varint(content.items.length);
      for (const item of content.items) encodeItem(writer, item);
      return writer.finish();
  }
}

function encodeItem(writer: ByteWriter, item: EntryItem): void {
  if (item.kind === 'transaction') {
    writer.u8(1).bytes(item.writeSet);
  } else {
    writer.u8(2).uuid(item.id);
    encodeAborted(writer, item.outcome);
  }
}

/** Reads header and content and verifies the checksum; write sets share memory with `bytes`. Throws MalformedBytes. */
export function decodeEntry(bytes: Uint8Array): Entry {
  const header = verifyEntryBytes(bytes);
  const reader = new ByteReader(bytes, headerBytes - 4);
  const content = new ByteReader(reader.raw(reader.u32()));
  const decoded = decodeContent(header.kind, content);
  content.end('the content of an entry');
  return { ...header, content: decoded };
}

/** Reads the header and verifies the checksum over all bytes, without reading the content. Throws MalformedBytes. */
export function verifyEntryBytes(bytes: Uint8Array): EntryHeader {
  const header = decodeEntryHeader(bytes);
  const reader = new ByteReader(bytes, headerBytes - 4);
  reader.raw(reader.u32());
  const stored = reader.u32();
  reader.end('an entry');
  const computed = crc32(bytes.subarray(0, bytes.length - checksumBytes));
  if (stored !== computed) throw new MalformedBytes(`checksum of entry ${header.position} is wrong`);
  return header;
}

/** Reads the header alone; the checksum is not verified. Throws MalformedBytes. */
export function decodeEntryHeader(bytes: Uint8Array): EntryHeader {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== entryFormatVersion) throw new MalformedBytes(`entry of unknown format ${version}`);
  const tag = reader.u8();
  const kind = entryKinds[tag];
  if (kind === undefined) throw new MalformedBytes(`entry of unknown kind ${tag}`);
  return {
    kind,
    epoch: epoch(reader.u64()),
    position: logPosition(reader.u64()),
    firstSeqno: seqno(reader.u64()),
    count: reader.u32(),
    logTimeMs: reader.u64(),
    nonce: reader.raw(nonceBytes),
    previousHash: reader.raw(hashBytes),
  };
}

/** Whether bytes that may be an entry are that of a mark; nothing of them is verified. */
export function isMark(bytes: Uint8Array): boolean {
  return bytes[0] === entryFormatVersion && bytes[1] === entryKinds.indexOf('mark');
}

function decodeContent(kind: EntryKind, reader: ByteReader): EntryContent {
  switch (kind) {
    case 'genesis':
      return { kind, keyspaceId: reader.uuid() as KeyspaceId, keyspace: reader.latin1() };
    case 'barrier':
      return { kind, idFloorMs: reader.varint(), node: reader.latin1() };
    case 'mark':
      return { kind, mark: reader.latin1() };
    case 'batch': {
      const idFloorMs = reader.varint();
      const items: EntryItem[] = [];
      for (let left = reader.varint(); left > 0; left--) items.push(decodeItem(reader));
      return { kind, idFloorMs, items };
    }
  }
}

function decodeItem(reader: ByteReader): EntryItem {
  const tag = reader.u8();
  if (tag === 1) return { kind: 'transaction', writeSet: reader.bytes() };
  if (tag !== 2) throw new MalformedBytes(`item of unknown kind ${tag}`);
  const id = reader.uuid() as TransactionId;
  return { kind: 'tombstone', id, outcome: decodeAborted(reader) };
}

/** The chain hash after an entry: SHA-256 of its bytes, which contain the hash before it. */
export function entryHash(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

/** The last seqno after an entry. */
export function lastSeqnoOf(header: EntryHeader): Seqno {
  return seqno(header.firstSeqno + header.count - 1);
}
