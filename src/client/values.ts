import type { Key } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { defaultContentType, isInt64, type Value, type VersionedValue } from '../model/value.js';
import { errorOf } from './errors.js';
import { readBytesKey, readTextKey, type KeyReader } from './keys.js';

/** A key that is there. */
export interface Entry<T = unknown, K = string> {
  readonly key: K;
  /** Out of JSON, a string of `text/…`, a bigint of a counter, else the bytes, which are the caller's own. */
  readonly value: T;
  /** The seqno of the transaction that wrote it last; 0 for what the same transaction has written. */
  readonly version: number;
  /** Undefined of a counter. */
  readonly contentType: string | undefined;
  /** Log time, ms since the Unix epoch; undefined: never. */
  readonly expiresAtMs: number | undefined;
}

export interface EncodedValue {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

const jsonType = 'application/json';
const anyJson = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;
const anyText = /^text\//i;

/**
 * Bytes as they are, a string under a content type that is not JSON as UTF-8, everything else as JSON. Throws
 * VALUE_TOO_LARGE, and a TypeError for what JSON cannot say.
 */
export function encodeValue(value: unknown, contentType?: string): EncodedValue {
  const encoded = encode(value, contentType);
  const { length } = encoded.bytes;
  if (length <= limits.valueBytesMax) return encoded;
  throw errorOf({
    code: 'VALUE_TOO_LARGE',
    message: `the value has ${length} bytes, ${limits.valueBytesMax} is the limit`,
    details: { limit: limits.valueBytesMax, size: length },
  });
}

function encode(value: unknown, contentType: string | undefined): EncodedValue {
  if (value instanceof Uint8Array) return { bytes: value, contentType: contentType ?? defaultContentType };
  if (typeof value === 'string' && contentType !== undefined && !anyJson.test(contentType)) {
    return { bytes: Buffer.from(value, 'utf8'), contentType };
  }
  if (typeof value === 'bigint') throw new TypeError('a counter is written with sum, min or max');
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError(`JSON has no ${typeof value}`);
  return { bytes: Buffer.from(json, 'utf8'), contentType: contentType ?? jsonType };
}

export function toOperand(operand: number | bigint): bigint {
  if (typeof operand === 'number' && !Number.isSafeInteger(operand)) {
    throw new TypeError('a counter takes a safe integer or a bigint');
  }
  const exact = BigInt(operand);
  if (!isInt64(exact)) throw new TypeError('a counter has 64 bits');
  return exact;
}

/** How a keyspace's keys and values are given back. */
export interface Reader<K> {
  readonly key: KeyReader<K>;
  value(value: Value, key: Key): unknown;
}

export const textKeys: Reader<string> = { key: readTextKey, value: decodeValue };
export const bytesKeys: Reader<Uint8Array> = { key: readBytesKey, value: decodeValue };

/** Values as they lie there, whatever their content type says. */
export function rawValues<K>(reader: Reader<K>): Reader<K> {
  return {
    key: reader.key,
    value: (value) => (value.kind === 'counter' ? value.count : copyOf(value.bytes)),
  };
}

export function entryOf<T, K>(reader: Reader<K>, key: Key, found: VersionedValue): Entry<T, K> {
  const { value, version, expiresAtMs } = found;
  return {
    key: reader.key(key),
    value: reader.value(value, key) as T,
    version,
    contentType: value.kind === 'bytes' ? value.contentType : undefined,
    expiresAtMs,
  };
}

function decodeValue(value: Value, key: Key): unknown {
  if (value.kind === 'counter') return value.count;
  const { bytes, contentType } = value;
  if (contentType === jsonType || anyJson.test(contentType)) return parseJson(bytes, key, contentType);
  return anyText.test(contentType) ? textOf(bytes) : copyOf(bytes);
}

function parseJson(bytes: Uint8Array, key: Key, contentType: string): unknown {
  try {
    return JSON.parse(textOf(bytes));
  } catch (error) {
    const message = `the value of ${JSON.stringify(key)} is not the ${contentType} that it says`;
    throw errorOf({ code: 'VALUE_MALFORMED', message, cause: error });
  }
}

function textOf(bytes: Uint8Array): string {
  const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return view.toString('utf8');
}

/** What arrives is a view of a whole message. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
