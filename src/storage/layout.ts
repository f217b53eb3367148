import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, MalformedBytes } from '../model/bytes.js';
import { hashBytes, nonceBytes } from '../model/entry.js';
import { epoch, seqno, uuidFromBytes, type KeyspaceId, type TransactionId } from '../model/ids.js';
import { describeKey, type Key } from '../model/keys.js';
import { decodeOutcome, encodeOutcome, type LoggedOutcome } from '../model/outcome.js';
import type { Value, VersionedValue } from '../model/value.js';
import { StoreDamaged, type Condemned, type Head, type ReplacedHistory, type Row } from './store.js';

/**
 * How a keyspace's database is laid out (docs/concepts/storage.md). One prefix byte per kind of record; every record that
 * is not checksummed by itself ends in a CRC-32 of its database key and its bytes, so that a flipped bit and a record in
 * another's place are found on read.
 */
const layoutFormat = 1;

const prefixes = {
  data: 'd',
  entry: 'e',
  hashes: 'h',
  meta: 'm',
  outcome: 'o',
  expiry: 'x',
  /** How many outcomes there are, by the time of their ids. */
  span: 's',
  /** Only in a copy that is being brought in: what came in one chunk, and entries that follow the copy. */
  chunk: 'c',
  beside: 'b',
} as const;
type Prefix = keyof typeof prefixes;
const outcomeByte = prefixes.outcome.charCodeAt(0);
const hintByte = prefixes.expiry.charCodeAt(0);

export const formatKey = Buffer.from('mformat');
export const headKey = Buffer.from('mhead');
export const electionKey = Buffer.from('melection');
export const condemnedKey = Buffer.from('mcondemned');
export const replacedKey = Buffer.from('mreplaced');

export function dataKey(key: Key): Buffer {
  return Buffer.from(prefixes.data + key, 'latin1');
}

export function keyOfDataKey(bytes: Buffer): Key {
  return bytes.toString('latin1', 1) as Key;
}

export const entryKeyBytes = 9;

export function entryKey(position: number): Buffer {
  return numberedKey('entry', position);
}

/** The key of a record that is found by a number ≥ 0; they lie in its order. */
export function numberedKey(of: 'entry' | 'hashes' | 'span' | 'chunk' | 'beside', number: number): Buffer {
  return new ByteWriter(entryKeyBytes).rawLatin1(prefixes[of]).u64(number).finish();
}

export function numberOfKey(bytes: Buffer): number {
  return new ByteReader(bytes, 1).u64();
}

export const positionOfEntryKey = numberOfKey;

/** Ids are UUIDv7, so outcomes lie in the order of their ids' times. */
export function outcomeKey(id: TransactionId): Buffer {
  return new ByteWriter(17).rawLatin1(prefixes.outcome).uuid(id).finish();
}

export function isOutcomeKey(bytes: Buffer): boolean {
  return bytes[0] === outcomeByte;
}

/** The time of the id that the outcome is of, ms. */
export function timeOfOutcomeKey(bytes: Buffer): number {
  return bytes.readUIntBE(1, 6);
}

export function idOfOutcomeKey(bytes: Buffer): TransactionId {
  return uuidFromBytes(bytes.subarray(1)) as TransactionId;
}

/** Below every outcome of an id made at `timeMs` or later. */
export function outcomeKeyFloor(timeMs: number): Buffer {
  const floor = Buffer.from(`${prefixes.outcome}\0\0\0\0\0\0`);
  floor.writeUIntBE(timeMs, 1, 6);
  return floor;
}

export function expiryKey(expiresAtMs: number, key: Key): Buffer {
  return new ByteWriter(9 + key.length).rawLatin1(prefixes.expiry).u64(expiresAtMs).rawLatin1(key).finish();
}

/** Below every hint of an expiry at `timeMs` or later. */
export function expiryKeyFloor(timeMs: number): Buffer {
  return expiryKey(timeMs, '' as Key);
}

export function parseExpiryKey(bytes: Buffer): { readonly expiresAtMs: number; readonly key: Key } {
  return { expiresAtMs: new ByteReader(bytes, 1).u64(), key: bytes.toString('latin1', 9) as Key };
}

/** All records of one kind. */
export function everything(of: Prefix): { readonly gte: Buffer; readonly lt: Buffer } {
  const first = Buffer.from(prefixes[of]);
  return { gte: first, lt: Buffer.from([first[0]! + 1]) };
}

/** `writer` has the key of `keyBytes` bytes and then the record, whose seal covers both; one piece of memory. */
function sealRow(writer: ByteWriter, keyBytes: number): Row {
  const sealed = writer.u32(crc32(writer.finish())).finish();
  return { key: sealed.subarray(0, keyBytes), value: sealed.subarray(keyBytes) };
}

/** A record of what the writer holds, for the database key `at`. */
export function seal(at: Buffer, writer: ByteWriter): Buffer {
  const body = writer.finish();
  return writer.u32(crc32(body, crc32(at))).finish();
}

/** A reader of a sealed record's body. Throws StoreDamaged when the seal is broken. */
export function unseal(at: Buffer, record: Buffer, what: () => string): ByteReader {
  return new ByteReader(expectSeal(at, record, what));
}

function expectSeal(at: Buffer, record: Buffer, what: () => string): Buffer {
  const bodyLength = record.length - 4;
  if (bodyLength < 0) throw new StoreDamaged(`${what()} is cut short`);
  const body = record.subarray(0, bodyLength);
  if (record.readUInt32BE(bodyLength) !== crc32(body, crc32(at))) {
    throw new StoreDamaged(`the checksum of ${what()} is wrong`);
  }
  return body;
}

const bytesTag = 1;
const counterTag = 2;
const expiresFlag = 0x10;

/** Kind and flags u8, version varint, [expiry varint], then content type and the rest as value, or the counter i64. */
export function dataRow(key: Key, { version, value, expiresAtMs }: VersionedValue): Row {
  const valueBytes = value.kind === 'bytes' ? value.bytes.length + value.contentType.length : 8;
  const writer = new ByteWriter(key.length + valueBytes + 32).rawLatin1(prefixes.data).rawLatin1(key);
  const tag = value.kind === 'bytes' ? bytesTag : counterTag;
  writer.u8(tag | (expiresAtMs === undefined ? 0 : expiresFlag)).varint(version);
  if (expiresAtMs !== undefined) writer.varint(expiresAtMs);
  if (value.kind === 'bytes') writer.latin1(value.contentType).raw(value.bytes);
  else writer.i64(value.count);
  return sealRow(writer, 1 + key.length);
}

/** The value shares memory with `record`. Throws StoreDamaged. */
export function decodeData(at: Buffer, record: Buffer): VersionedValue {
  const what = (): string => `the record of key ${describeKey(keyOfDataKey(at))}`;
  const reader = unseal(at, record, what);
  const tag = reader.u8();
  const version = seqno(reader.varint());
  const expiresAtMs = (tag & expiresFlag) === 0 ? undefined : reader.varint();
  return { version, value: decodeValue(tag & ~expiresFlag, reader, what), expiresAtMs };
}

function decodeValue(kind: number, reader: ByteReader, what: () => string): Value {
  if (kind === counterTag) return { kind: 'counter', count: reader.i64() };
  if (kind !== bytesTag) throw new StoreDamaged(`${what()} is of unknown kind ${kind}`);
  const contentType = reader.latin1();
  return { kind: 'bytes', contentType, bytes: reader.raw(reader.remaining) };
}

export function outcomeRow(id: TransactionId, outcome: LoggedOutcome): Row {
  const writer = new ByteWriter(96).rawLatin1(prefixes.outcome).uuid(id);
  encodeOutcome(writer, outcome);
  return sealRow(writer, 17);
}

export function decodeStoredOutcome(at: Buffer, record: Buffer): LoggedOutcome {
  const what = (): string => `the outcome of ${uuidFromBytes(at.subarray(1))}`;
  const reader = unseal(at, record, what);
  return decodeOutcome(reader.raw(reader.remaining));
}

/** Whether a record of data, an outcome or a hint is what was written under its key. Throws StoreDamaged. */
export function verifyRow({ key, value }: Row): void {
  if (key[0] === hintByte && value.length === 0) return;
  expectSeal(key, value, () => `the record at 0x${key.toString('hex')}`);
}

/** The head and where the kept entries begin: enough to verify that they are dense and chained. */
export interface HeadRecord {
  readonly head: Head;
  readonly oldestPosition: number;
  /** The chain hash after the entry before the oldest kept; the zero hash when that is the genesis. */
  readonly hashBeforeOldest: Buffer;
}

export function encodeHead({ head, oldestPosition, hashBeforeOldest }: HeadRecord): Buffer {
  const writer = new ByteWriter(192);
  writer.uuid(head.keyspaceId!).u64(head.position).u64(head.seqno).u64(head.epoch);
  writer.raw(head.chainHash).raw(head.nonce).u64(head.logTimeMs).u64(head.idFloorMs);
  return seal(headKey, writer.u64(oldestPosition).raw(hashBeforeOldest));
}

export function decodeHead(record: Buffer): HeadRecord {
  const reader = unseal(headKey, record, () => 'the head record');
  const head: Head = {
    keyspaceId: reader.uuid() as KeyspaceId,
    position: reader.u64(),
    seqno: seqno(reader.u64()),
    epoch: epoch(reader.u64()),
    chainHash: reader.raw(hashBytes),
    nonce: reader.raw(nonceBytes),
    logTimeMs: reader.u64(),
    idFloorMs: reader.u64(),
  };
  return { head, oldestPosition: reader.u64(), hashBeforeOldest: reader.raw(hashBytes) };
}

export function encodeElection(nonce: Buffer): Buffer {
  return seal(electionKey, new ByteWriter(32).raw(nonce));
}

export function decodeElection(record: Buffer): Buffer {
  return unseal(electionKey, record, () => 'the election record').raw(nonceBytes);
}

/** Oldest first. */
export function encodeReplaced(histories: readonly ReplacedHistory[]): Buffer {
  return seal(replacedKey, writeReplaced(new ByteWriter(16 + 32 * histories.length), histories));
}

export function writeReplaced(writer: ByteWriter, histories: readonly ReplacedHistory[]): ByteWriter {
  writer.varint(histories.length);
  for (const { keyspaceId, position, seqno } of histories) writer.uuid(keyspaceId).u64(position).u64(seqno);
  return writer;
}

export function decodeReplaced(record: Buffer): ReplacedHistory[] {
  return readReplaced(unseal(replacedKey, record, () => 'the record of replaced histories'));
}

export function readReplaced(reader: ByteReader): ReplacedHistory[] {
  const histories: ReplacedHistory[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const keyspaceId = reader.uuid() as KeyspaceId;
    histories.push({ keyspaceId, position: reader.u64(), seqno: seqno(reader.u64()) });
  }
  return histories;
}

export function encodeCondemned({ why, sinceMs }: Condemned): Buffer {
  return seal(condemnedKey, new ByteWriter(256).u64(sinceMs).bytes(Buffer.from(why)));
}

export function decodeCondemned(record: Buffer): Condemned {
  const reader = unseal(condemnedKey, record, () => 'the record that condemns the copy');
  return { sinceMs: reader.u64(), why: Buffer.from(reader.bytes()).toString() };
}

export function encodeFormat(): Buffer {
  return seal(formatKey, new ByteWriter(8).u32(layoutFormat));
}

/** Throws StoreDamaged, also for a format that this version does not know. */
export function verifyFormat(record: Buffer): void {
  const format = unseal(formatKey, record, () => 'the format record').u32();
  if (format !== layoutFormat) {
    throw new StoreDamaged(`the store is of format ${format}; this version knows ${layoutFormat}`);
  }
}

/** What decodes throws MalformedBytes only when it was written wrong under a right checksum; to a reader that is damage too. */
export function asDamage(error: unknown): unknown {
  return error instanceof MalformedBytes ? new StoreDamaged(error.message, { cause: error }) : error;
}
