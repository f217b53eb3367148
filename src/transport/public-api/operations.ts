import { assertNever } from '../../model/assert.js';
import { seqno } from '../../model/ids.js';
import { firstKey, type KeyRange } from '../../model/keys.js';
import type { Check, MutationRequest, ReadRequest } from '../../model/request.js';
import { defaultContentType, type AtomicKind } from '../../model/value.js';
import type { Isolation } from '../../model/write-set.js';
import { everyKey, readRange, writeRange, writeRangeUnlessEvery } from './values.js';
import {
  MalformedMessage,
  readBytes,
  readKey,
  readNested,
  readSint64,
  readText,
  readUint64,
  skipUnknown,
  writeKey,
  writeSint64,
  type Reader,
  type Writer,
} from './wire.js';

export function writeIsolation(writer: Writer, tag: number, isolation: Isolation): void {
  if (isolation === 'snapshot') writer.uint32(tag).uint32(1);
}

export function readIsolation(reader: Reader): Isolation {
  const number = reader.int32();
  if (number === 0) return 'serializable';
  if (number === 1) return 'snapshot';
  throw new MalformedMessage('isolation', `${number} is no Isolation`);
}

export function writeRead(writer: Writer, tag: number, read: ReadRequest): void {
  writer.uint32(tag).fork();
  if (read.kind === 'key') writeKey(writer.uint32(10), read.key);
  else {
    writer.uint32(18).fork();
    writeRangeUnlessEvery(writer, 10, read.range);
    if (read.limit !== 0) writer.uint32(16).uint32(read.limit);
    if (read.reverse) writer.uint32(24).bool(true);
    writer.ldelim();
  }
  writer.ldelim();
}

export function readRead(reader: Reader, end: number): ReadRequest {
  let read: ReadRequest | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) read = { kind: 'key', key: readKey(reader) };
    else if (tag === 18) read = readNested(reader, readRangeRead, 'range');
    else skipUnknown(reader, tag);
  }
  if (read === undefined) throw new MalformedMessage('', 'one of key and range is required');
  return read;
}

function readRangeRead(reader: Reader, end: number): ReadRequest {
  let range: KeyRange = everyKey;
  let limit = 0;
  let reverse = false;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) range = readNested(reader, readRange, 'range');
    else if (tag === 16) limit = reader.uint32();
    else if (tag === 24) reverse = reader.bool();
    else skipUnknown(reader, tag);
  }
  return { kind: 'range', range, limit, reverse };
}

export function writeCheck(writer: Writer, tag: number, { key, expect }: Check): void {
  writer.uint32(tag).fork();
  if (key !== '') writeKey(writer.uint32(10), key);
  if (expect === 'absent') writer.uint32(24).bool(true);
  else if (expect === 'present') writer.uint32(32).bool(true);
  else writer.uint32(16).uint64(expect.version);
  writer.ldelim();
}

export function readCheck(reader: Reader, end: number): Check {
  let key = firstKey;
  let expect: Check['expect'] | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) key = readKey(reader);
    else if (tag === 16) expect = { version: seqno(readUint64(reader, 'version')) };
    else if (tag === 24) expect = expectation(reader, 'absent');
    else if (tag === 32) expect = expectation(reader, 'present');
    else skipUnknown(reader, tag);
  }
  if (expect === undefined) {
    throw new MalformedMessage('', 'one of version, absent and present is required');
  }
  return { key, expect };
}

function expectation(reader: Reader, said: 'absent' | 'present'): 'absent' | 'present' {
  if (!reader.bool()) throw new MalformedMessage(said, 'must be true');
  return said;
}

const atomicTags = { sum: 34, min: 42, max: 50 } as const satisfies Record<AtomicKind, number>;

export function writeMutation(writer: Writer, tag: number, mutation: MutationRequest): void {
  writer.uint32(tag).fork();
  switch (mutation.kind) {
    case 'set':
      writer.uint32(10).fork();
      if (mutation.key !== '') writeKey(writer.uint32(10), mutation.key);
      if (mutation.bytes.length > 0) writer.uint32(18).bytes(mutation.bytes);
      if (mutation.contentType !== defaultContentType) writer.uint32(26).string(mutation.contentType);
      if (mutation.ttlMs !== undefined) writer.uint32(32).uint64(mutation.ttlMs);
      writer.ldelim();
      break;
    case 'delete':
      writeKey(writer.uint32(18), mutation.key);
      break;
    case 'deleteRange':
      writeRange(writer, 26, mutation.range);
      break;
    case 'sum':
    case 'min':
    case 'max':
      writer.uint32(atomicTags[mutation.kind]).fork();
      if (mutation.key !== '') writeKey(writer.uint32(10), mutation.key);
      if (mutation.operand !== 0n) writeSint64(writer.uint32(16), mutation.operand);
      if (mutation.ttlMs !== undefined) writer.uint32(24).uint64(mutation.ttlMs);
      writer.ldelim();
      break;
    default:
      assertNever(mutation);
  }
  writer.ldelim();
}

export function readMutation(reader: Reader, end: number): MutationRequest {
  let mutation: MutationRequest | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) mutation = readNested(reader, readSet, 'set');
    else if (tag === 18) mutation = { kind: 'delete', key: readKey(reader) };
    else if (tag === 26)
      mutation = { kind: 'deleteRange', range: readNested(reader, readRange, 'delete_range') };
    else if (tag === 34) mutation = { kind: 'sum', ...readNested(reader, readAtomic, 'sum') };
    else if (tag === 42) mutation = { kind: 'min', ...readNested(reader, readAtomic, 'min') };
    else if (tag === 50) mutation = { kind: 'max', ...readNested(reader, readAtomic, 'max') };
    else skipUnknown(reader, tag);
  }
  if (mutation === undefined) {
    throw new MalformedMessage('', 'one of set, delete, delete_range, sum, min and max is required');
  }
  return mutation;
}

const noBytes: Uint8Array = Buffer.alloc(0);

function readSet(reader: Reader, end: number): MutationRequest {
  let key = firstKey;
  let bytes: Uint8Array = noBytes;
  let contentType = defaultContentType;
  let ttlMs = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) key = readKey(reader);
    else if (tag === 18) bytes = readBytes(reader);
    else if (tag === 26) contentType = readText(reader) || defaultContentType;
    else if (tag === 32) ttlMs = readUint64(reader, 'ttl_ms');
    else skipUnknown(reader, tag);
  }
  return { kind: 'set', key, bytes, contentType, ttlMs: ttlMs === 0 ? undefined : ttlMs };
}

function readAtomic(reader: Reader, end: number) {
  let key = firstKey;
  let operand = 0n;
  let ttlMs = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) key = readKey(reader);
    else if (tag === 16) operand = readSint64(reader);
    else if (tag === 24) ttlMs = readUint64(reader, 'ttl_ms');
    else skipUnknown(reader, tag);
  }
  return { key, operand, ttlMs: ttlMs === 0 ? undefined : ttlMs };
}
