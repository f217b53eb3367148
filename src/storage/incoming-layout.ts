import { ByteReader, ByteWriter } from '../model/bytes.js';
import { hashBytes } from '../model/entry.js';
import type { CopyChunk, CopyOrigin } from './incoming-copy.js';
import {
  decodeHead,
  encodeHead,
  numberedKey,
  readReplaced,
  seal,
  unseal,
  writeReplaced,
  type HeadRecord,
} from './layout.js';
import type { Head, Row } from './store.js';

const transferIdBytes = 16;
export const originKey = Buffer.from('morigin');

/** What a store of this head is that keeps no entries. */
export function withoutEntries(head: Head): HeadRecord {
  return { head, oldestPosition: head.position + 1, hashBeforeOldest: head.chainHash };
}

export function originRow({ transferId, head, replaced, givenUp }: CopyOrigin): Row {
  const writer = new ByteWriter(512).raw(transferId).bytes(encodeHead(withoutEntries(head)));
  return { key: originKey, value: seal(originKey, writeReplaced(writer, replaced).u8(givenUp ? 1 : 0)) };
}

/** Throws StoreDamaged. */
export function decodeOrigin(record: Buffer): CopyOrigin {
  const reader = unseal(originKey, record, () => 'the record of what the copy is of');
  const transferId = reader.raw(transferIdBytes);
  const origin = { transferId, head: decodeHead(reader.bytes()).head, replaced: readReplaced(reader) };
  return reader.u8() === 1 ? { ...origin, givenUp: true } : origin;
}

/** What came in one chunk, apart from the rows. */
export interface ChunkRecord {
  readonly number: number;
  readonly rows: number;
  /** Keys and values. */
  readonly bytes: number;
  readonly lastKey: Buffer;
  readonly hash: Buffer;
}

export function chunkRecordOf({ number, rows, hash }: CopyChunk): ChunkRecord {
  const bytes = rows.reduce((total, { key, value }) => total + key.length + value.length, 0);
  return { number, rows: rows.length, bytes, lastKey: rows.at(-1)!.key, hash };
}

export function chunkRow({ number, rows, bytes, lastKey, hash }: ChunkRecord): Row {
  const key = numberedKey('chunk', number);
  return { key, value: seal(key, new ByteWriter(128).varint(rows).varint(bytes).bytes(lastKey).raw(hash)) };
}

/** Throws StoreDamaged. */
export function decodeChunk(key: Buffer, record: Buffer): ChunkRecord {
  const number = new ByteReader(key, 1).u64();
  const reader = unseal(key, record, () => `the record of chunk ${number}`);
  const [rows, bytes] = [reader.varint(), reader.varint()];
  return { number, rows, bytes, lastKey: reader.bytes(), hash: reader.raw(hashBytes) };
}
