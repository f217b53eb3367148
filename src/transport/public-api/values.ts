import { seqno } from '../../model/ids.js';
import { firstKey, type Key, type KeyRange } from '../../model/keys.js';
import { defaultContentType, type Value, type VersionedValue } from '../../model/value.js';
import type { FreshnessFields, ListedEntry, PresentEntry } from './messages.js';
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

const noFreshness: FreshnessFields = { causal: false, token: '', timeoutMs: 0 };
export const everyKey: KeyRange = { start: firstKey, end: undefined };

/** `tag` is that of the field which the message is in, as in every function of this kind. */
export function writeFreshness(writer: Writer, tag: number, freshness: FreshnessFields): void {
  const { causal, token, timeoutMs } = freshness;
  if (!causal && token === '' && timeoutMs === 0) return;
  writer.uint32(tag).fork();
  if (causal) writer.uint32(8).bool(true);
  if (token !== '') writer.uint32(18).string(token);
  if (timeoutMs !== 0) writer.uint32(24).uint32(timeoutMs);
  writer.ldelim();
}

export const defaultFreshness = noFreshness;

export function readFreshness(reader: Reader, end: number): FreshnessFields {
  let causal = false;
  let token = '';
  let timeoutMs = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) causal = reader.bool();
    else if (tag === 18) token = readText(reader);
    else if (tag === 24) timeoutMs = reader.uint32();
    else skipUnknown(reader, tag);
  }
  return { causal, token, timeoutMs };
}

export function writeRange(writer: Writer, tag: number, range: KeyRange): void {
  writer.uint32(tag).fork();
  if (range.start !== '') writeKey(writer.uint32(10), range.start);
  if (range.end !== undefined) writeKey(writer.uint32(18), range.end);
  writer.ldelim();
}

export function readRange(reader: Reader, end: number): KeyRange {
  let start = firstKey;
  let rangeEnd: Key | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) start = readKey(reader);
    else if (tag === 18) rangeEnd = readKey(reader);
    else skipUnknown(reader, tag);
  }
  return { start, end: rangeEnd };
}

/** A range that is absent when it is every key. */
export function writeRangeUnlessEvery(writer: Writer, tag: number, range: KeyRange): void {
  if (range.start !== '' || range.end !== undefined) writeRange(writer, tag, range);
}

export function writeValue(
  writer: Writer,
  tag: number,
  { version, value, expiresAtMs }: VersionedValue,
): void {
  writer.uint32(tag).fork();
  if (value.kind === 'bytes') {
    writer.uint32(10).bytes(value.bytes);
    if (value.contentType !== defaultContentType) writer.uint32(26).string(value.contentType);
  } else {
    writeSint64(writer.uint32(16), value.count);
  }
  if (version !== 0) writer.uint32(32).uint64(version);
  if (expiresAtMs !== undefined) writer.uint32(40).uint64(expiresAtMs);
  writer.ldelim();
}

/** A Value as it is on the wire: of a list of keys only it has neither bytes nor counter. */
interface AnyValue {
  readonly version: number;
  readonly value: Value | undefined;
  readonly expiresAtMs: number | undefined;
}

function readAnyValue(reader: Reader, end: number): AnyValue {
  let bytes: Uint8Array | undefined;
  let count: bigint | undefined;
  let contentType = defaultContentType;
  let version = 0;
  let expiresAtMs = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) {
      bytes = readBytes(reader);
      count = undefined;
    } else if (tag === 16) {
      count = readSint64(reader);
      bytes = undefined;
    } else if (tag === 26) contentType = readText(reader) || defaultContentType;
    else if (tag === 32) version = readUint64(reader, 'version');
    else if (tag === 40) expiresAtMs = readUint64(reader, 'expires_at_ms');
    else skipUnknown(reader, tag);
  }
  const value: Value | undefined =
    bytes !== undefined
      ? { kind: 'bytes', bytes, contentType }
      : count !== undefined
        ? { kind: 'counter', count }
        : undefined;
  return { version, value, expiresAtMs: expiresAtMs === 0 ? undefined : expiresAtMs };
}

export function readValue(reader: Reader, end: number): VersionedValue {
  const { version, value, expiresAtMs } = readAnyValue(reader, end);
  if (value === undefined) throw new MalformedMessage('', 'one of bytes and counter is required');
  return { version: seqno(version), value, expiresAtMs };
}

export function writeEntry(writer: Writer, tag: number, { key, value }: PresentEntry): void {
  writer.uint32(tag).fork();
  writeKey(writer.uint32(10), key);
  writeValue(writer, 18, value);
  writer.ldelim();
}

export function readEntry(reader: Reader, end: number): PresentEntry {
  let key = firstKey;
  let value: VersionedValue | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) key = readKey(reader);
    else if (tag === 18) value = readNested(reader, readValue, 'value');
    else skipUnknown(reader, tag);
  }
  if (value === undefined) throw new MalformedMessage('value', 'is required');
  return { key, value };
}

export function writeListedEntry(writer: Writer, tag: number, { key, version, value }: ListedEntry): void {
  if (value !== undefined) return writeEntry(writer, tag, { key, value });
  writer.uint32(tag).fork();
  writeKey(writer.uint32(10), key);
  writer.uint32(18).fork();
  if (version !== 0) writer.uint32(32).uint64(version);
  writer.ldelim().ldelim();
}

export function readListedEntry(reader: Reader, end: number): ListedEntry {
  let key = firstKey;
  let read: AnyValue | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) key = readKey(reader);
    else if (tag === 18) read = readNested(reader, readAnyValue, 'value');
    else skipUnknown(reader, tag);
  }
  if (read === undefined) throw new MalformedMessage('value', 'is required');
  const { version, value, expiresAtMs } = read;
  return { key, version, value: value && { version: seqno(version), value, expiresAtMs } };
}
