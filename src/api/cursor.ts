import { createHash } from 'node:crypto';
import { ByteReader, ByteWriter, MalformedBytes } from '../model/bytes.js';
import { succeed, type Result } from '../model/errors.js';
import { parseGtid, type Gtid } from '../model/gtid.js';
import type { Key, KeyRange } from '../model/keys.js';
import { invalid } from './invalid.js';

/** Where a list goes on. Opaque to apps. */
export interface Cursor {
  /** Of the page that it ends; the next page is at least as new. */
  readonly gtid: Gtid;
  readonly rest: KeyRange;
  readonly reverse: boolean;
  /** The interactive transaction that it belongs to; '' for none. */
  readonly transaction: string;
}

const version = 1;
const reverseFlag = 1;
const boundedFlag = 2;
const checksumBytes = 6;

/** base64url of: version u8, flags u8, gtid, transaction, start, [end], and the first 6 bytes of their SHA-256. */
export function encodeCursor(cursor: Cursor): string {
  const writer = new ByteWriter();
  const bounded = cursor.rest.end === undefined ? 0 : boundedFlag;
  writer.u8(version).u8((cursor.reverse ? reverseFlag : 0) | bounded);
  writer.latin1(cursor.gtid).latin1(cursor.transaction).latin1(cursor.rest.start);
  if (cursor.rest.end !== undefined) writer.latin1(cursor.rest.end);
  const content = writer.finish();
  return Buffer.concat([content, checksum(content)]).toString('base64url');
}

/** INVALID_ARGUMENT for anything that encodeCursor did not make. */
export function decodeCursor(field: string, text: string): Result<Cursor> {
  const bytes = Buffer.from(text, 'base64url');
  const content = bytes.subarray(0, Math.max(0, bytes.length - checksumBytes));
  const intact =
    bytes.toString('base64url') === text && checksum(content).equals(bytes.subarray(content.length));
  const cursor = intact ? decodeContent(content) : undefined;
  return cursor === undefined ? invalid(field, 'is not a cursor that a list returned') : succeed(cursor);
}

function decodeContent(content: Buffer): Cursor | undefined {
  try {
    const reader = new ByteReader(content);
    if (reader.u8() !== version) return undefined;
    const flags = reader.u8();
    const gtid = reader.latin1();
    const transaction = reader.latin1();
    const start = reader.latin1() as Key;
    const end = (flags & boundedFlag) === 0 ? undefined : (reader.latin1() as Key);
    reader.end('a cursor');
    if (parseGtid(gtid) === undefined) return undefined;
    return { gtid: gtid as Gtid, rest: { start, end }, reverse: (flags & reverseFlag) !== 0, transaction };
  } catch (error) {
    if (error instanceof MalformedBytes) return undefined;
    throw error;
  }
}

function checksum(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest().subarray(0, checksumBytes);
}

/** Whether a cursor goes on within a list of `range`: the end that it has not reached yet must be the list's own. */
export function cursorContinues({ rest, reverse }: Cursor, range: KeyRange): boolean {
  if (reverse)
    return rest.start === range.start && (range.end === undefined || (rest.end ?? '') <= range.end);
  return rest.end === range.end && rest.start >= range.start;
}
