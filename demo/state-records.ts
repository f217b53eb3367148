import { createHash } from 'node:crypto';

/** A present key as the API lists it with `encoding=base64`. */
export interface StateRecord {
  readonly key: Buffer;
  readonly version: number;
  /** 0: it does not expire. */
  readonly expiresAtMs: number;
  readonly content:
    | { readonly kind: 'bytes'; readonly contentType: string; readonly value: Buffer }
    | { readonly kind: 'counter'; readonly count: bigint };
}

export interface ListedEntry {
  readonly key?: string;
  readonly keyBase64?: string;
  readonly version: number;
  readonly kind?: 'counter';
  /** Of a counter. */
  readonly value?: number | string;
  readonly base64?: string;
  readonly contentType?: string;
  readonly expiresAtMs?: number;
}

export function recordOf(entry: ListedEntry): StateRecord {
  const key =
    entry.key === undefined ? Buffer.from(entry.keyBase64!, 'base64') : Buffer.from(entry.key, 'utf8');
  const { version, expiresAtMs = 0 } = entry;
  if (entry.kind === 'counter')
    return { key, version, expiresAtMs, content: { kind: 'counter', count: BigInt(entry.value!) } };
  const value = Buffer.from(entry.base64!, 'base64');
  return { key, version, expiresAtMs, content: { kind: 'bytes', contentType: entry.contentType!, value } };
}

/**
 * The state hash, written a second time from docs/concepts/state-hash.md alone: it shares no code with the nodes whose hash
 * it judges. Throws when the records are not in ascending bytewise order.
 */
export function hashRecords(records: readonly StateRecord[]): string {
  return hashBytes(bytesOf(records));
}

export function hashBytes(...parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** What the hash of `records` is fed. */
export function bytesOf(records: readonly StateRecord[]): Buffer {
  records.forEach(({ key }, i) => {
    if (i > 0 && Buffer.compare(records[i - 1]!.key, key) >= 0)
      throw new Error(`listed out of order: ${key.toString('utf8')}`);
  });
  return Buffer.concat(records.map(recordBytes));
}

const bytesKind = 1;
const counterKind = 2;
/** Length of the key, version, expiry, kind. */
const headBytes = 4 + 8 + 8 + 1;

function recordBytes({ key, version, expiresAtMs, content }: StateRecord): Buffer {
  const head = Buffer.alloc(headBytes + key.length);
  let at = head.writeUInt32BE(key.length);
  at += key.copy(head, at);
  at = head.writeBigInt64BE(BigInt(version), at);
  at = head.writeBigInt64BE(BigInt(expiresAtMs), at);
  head.writeUInt8(content.kind === 'counter' ? counterKind : bytesKind, at);
  if (content.kind === 'counter') {
    const count = Buffer.alloc(8);
    count.writeBigInt64BE(content.count);
    return Buffer.concat([head, count]);
  }
  return Buffer.concat([head, sized(Buffer.from(content.contentType, 'latin1')), sized(content.value)]);
}

/** Preceded by its length. */
function sized(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
