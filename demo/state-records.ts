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
export function hashRecords(records: Iterable<StateRecord>): string {
  const hash = createHash('sha256');
  let previous: Buffer | undefined;
  for (const record of records) {
    if (previous !== undefined && Buffer.compare(previous, record.key) >= 0)
      throw new Error(`listed out of order: ${record.key.toString('utf8')}`);
    previous = record.key;
    hash.update(recordBytes(record));
  }
  return hash.digest('hex');
}

function recordBytes({ key, version, expiresAtMs, content }: StateRecord): Buffer {
  const head = [uint32(key.length), key, int64(BigInt(version)), int64(BigInt(expiresAtMs))];
  if (content.kind === 'counter') return Buffer.concat([...head, Buffer.of(2), int64(content.count)]);
  const type = Buffer.from(content.contentType, 'latin1');
  const { value } = content;
  return Buffer.concat([...head, Buffer.of(1), uint32(type.length), type, uint32(value.length), value]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
