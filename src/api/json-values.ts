import { succeed, type Result } from '../model/errors.js';
import type { Key } from '../model/keys.js';
import { limits } from '../model/limits.js';
import type { VersionedValue } from '../model/value.js';
import { decodeBase64 } from './base64.js';
import { defaultContentType, isContentType, isJson, jsonContentType } from './content-type.js';
import { int64Json } from './int64.js';
import { invalid, valueTooLarge } from './invalid.js';
import { join, keyFields } from './json-keys.js';

export interface ValueFields {
  readonly value?: unknown;
  readonly base64?: string;
  readonly contentType?: string;
}

export interface GivenValue {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** How answers show bytes: `json` shows what is JSON as JSON, `base64` shows every byte as it is. */
export type Encoding = 'json' | 'base64';

/** The value given as exactly one of `value` (any JSON, written anew) and `base64`. */
export function valueOf(at: string, fields: ValueFields): Result<GivenValue> {
  const hasJson = Object.hasOwn(fields, 'value');
  if (hasJson === (fields.base64 !== undefined)) {
    return invalid(join(at, 'value'), 'one of value and base64 is required');
  }
  if (hasJson) return jsonValueOf(at, fields);
  const bytes = decodeBase64(fields.base64!);
  if (bytes === undefined) return invalid(join(at, 'base64'), 'is not base64');
  const contentType = fields.contentType ?? defaultContentType;
  if (!isContentType(contentType)) return invalid(join(at, 'contentType'), 'is not a media type');
  return judgeSize(bytes, contentType);
}

function jsonValueOf(at: string, fields: ValueFields): Result<GivenValue> {
  if (fields.contentType !== undefined) {
    return invalid(join(at, 'contentType'), 'goes with base64; a value is always application/json');
  }
  try {
    return judgeSize(Buffer.from(JSON.stringify(fields.value), 'utf8'), jsonContentType);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return invalid(join(at, 'value'), 'is nested too deeply');
  }
}

function judgeSize(bytes: Uint8Array, contentType: string): Result<GivenValue> {
  if (bytes.length > limits.valueBytesMax) return valueTooLarge(limits.valueBytesMax, bytes.length);
  return succeed({ bytes, contentType });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of bytes that are JSON; undefined when they are not. */
function jsonText(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes);
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}

/**
 * The members of a present key in JSON text, without braces. JSON values are embedded as they are stored, so numbers keep
 * all their digits and deep nesting costs nothing; other bytes are base64.
 */
function valueMembers({ value, expiresAtMs }: VersionedValue, encoding: Encoding): string {
  const expiry = expiresAtMs === undefined ? '' : `,"expiresAtMs":${expiresAtMs}`;
  if (value.kind === 'counter') {
    return `"kind":"counter","value":${JSON.stringify(int64Json(value.count))}${expiry}`;
  }
  const { bytes, contentType } = value;
  const json = encoding === 'json' && isJson(contentType) ? jsonText(bytes) : undefined;
  const type = json !== undefined && contentType === jsonContentType ? '' : JSON.stringify(contentType);
  const typeMember = type === '' ? '' : `,"contentType":${type}`;
  if (json !== undefined) return `"value":${json}${typeMember}${expiry}`;
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  return `"base64":"${base64}"${typeMember}${expiry}`;
}

/** An entry of a list or the answer to a point read, as JSON text. */
export function entryJson(key: Key, value: VersionedValue, encoding: Encoding | 'keys-only'): string {
  const head = `${JSON.stringify(keyFields(key)).slice(0, -1)},"version":${value.version}`;
  return encoding === 'keys-only' ? `${head}}` : `${head},${valueMembers(value, encoding)}}`;
}
