import { hash } from 'node:crypto';
import { MalformedBytes } from '../model/bytes.js';
import type { Row } from './store.js';

const countBytes = 4;
/** Key length u16, value length u32. */
const lengthsBytes = 6;

/** Rows as they travel: their number u32, then per row key length u16, value length u32, key, value. Integers are big-endian. */
export function packRows(rows: readonly Row[]): Buffer {
  let bytes = countBytes;
  for (const { key, value } of rows) bytes += lengthsBytes + key.length + value.length;
  const packed = Buffer.allocUnsafe(bytes);
  let at = packed.writeUInt32BE(rows.length, 0);
  for (const { key, value } of rows) {
    at = packed.writeUInt16BE(key.length, at);
    at = packed.writeUInt32BE(value.length, at);
    packed.set(key, at);
    packed.set(value, at + key.length);
    at += key.length + value.length;
  }
  return packed;
}

/** Keys and values share memory with `bytes`. Throws MalformedBytes. */
export function unpackRows(bytes: Uint8Array): Row[] {
  const packed = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (packed.length < countBytes) throw new MalformedBytes('packed rows without their number');
  const rows: Row[] = [];
  let at = countBytes;
  for (let left = packed.readUInt32BE(0); left > 0; left--) {
    const keyAt = at + lengthsBytes;
    if (keyAt > packed.length) throw new MalformedBytes(`${left} packed rows are missing`);
    const valueAt = keyAt + packed.readUInt16BE(at);
    at = valueAt + packed.readUInt32BE(at + 2);
    if (at > packed.length) throw new MalformedBytes('a packed row is cut short');
    rows.push({ key: packed.subarray(keyAt, valueAt), value: packed.subarray(valueAt, at) });
  }
  if (at !== packed.length)
    throw new MalformedBytes(`${packed.length - at} bytes too many after packed rows`);
  return rows;
}

/** SHA-256 of the rows as `packRows` packs them, so that whoever has them packed need not unpack them. */
export function chunkHash(rows: readonly Row[]): Buffer {
  return hashPacked(packRows(rows));
}

/** SHA-256 of packed rows: their `chunkHash`. */
export function hashPacked(packed: Uint8Array): Buffer {
  return hash('sha256', packed, 'buffer');
}
