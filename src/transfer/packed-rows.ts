import { hash } from 'node:crypto';
import { MalformedBytes } from '../model/bytes.js';
import type { Row } from '../storage/store.js';

const headerBytes = 8;

/** Rows in one piece of memory: of each, key length u32, value length u32, key, value. */
export function packRows(rows: readonly Row[]): Buffer {
  let length = 0;
  for (const { key, value } of rows) length += headerBytes + key.length + value.length;
  const packed = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { key, value } of rows) {
    packed.writeUInt32BE(key.length, at);
    packed.writeUInt32BE(value.length, at + 4);
    packed.set(key, at + headerBytes);
    packed.set(value, at + headerBytes + key.length);
    at += headerBytes + key.length + value.length;
  }
  return packed;
}

/** The rows share memory with `packed`. Throws MalformedBytes. */
export function unpackRows(packed: Uint8Array): Row[] {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.length);
  const rows: Row[] = [];
  for (let at = 0; at < bytes.length;) {
    if (at + headerBytes > bytes.length) throw new MalformedBytes('a row is cut short');
    const keyEnd = at + headerBytes + bytes.readUInt32BE(at);
    const end = keyEnd + bytes.readUInt32BE(at + 4);
    if (end > bytes.length) throw new MalformedBytes('a row is cut short');
    rows.push({ key: bytes.subarray(at + headerBytes, keyEnd), value: bytes.subarray(keyEnd, end) });
    at = end;
  }
  return rows;
}

export function chunkHash(packed: Uint8Array): Buffer {
  return hash('sha256', packed, 'buffer');
}
