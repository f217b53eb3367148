import { bytesOf, hashBytes, type StateRecord } from './state-records.js';

type Alter = (record: StateRecord) => StateRecord;

/** What the state hash covers, and for each a least change of one record. */
const alterations: Readonly<Record<string, Alter>> = {
  key: (record) => ({ ...record, key: Buffer.concat([record.key, Buffer.of(0)]) }),
  version: (record) => ({ ...record, version: record.version + 1 }),
  kind: (record) => ({ ...record, content: otherKind(record.content) }),
  value: (record) => ({ ...record, content: otherValue(record.content) }),
  'content type': (record) => ({ ...record, content: otherType(record.content) }),
  expiry: (record) => ({ ...record, expiresAtMs: record.expiresAtMs + 1 }),
};

type Content = StateRecord['content'];

function otherKind(content: Content): Content {
  if (content.kind === 'bytes') return { kind: 'counter', count: 0n };
  return { kind: 'bytes', contentType: '', value: Buffer.alloc(0) };
}

function otherValue(content: Content): Content {
  if (content.kind === 'counter') return { ...content, count: content.count ^ 1n };
  const value = Buffer.from(content.value);
  if (value.length === 0) return { ...content, value: Buffer.of(0) };
  const middle = value.length >> 1;
  value[middle] = value[middle]! ^ 1;
  return { ...content, value };
}

/** A counter has no type; one that becomes bytes has. */
function otherType(content: Content): Content {
  return content.kind === 'counter'
    ? otherKind(content)
    : { ...content, contentType: `${content.contentType} ` };
}

/** What of the record at `at` can be changed without changing `hash`: nothing, when the hash is right. */
export function unnoticedChanges(records: readonly StateRecord[], at: number, hash: string): string[] {
  const before = bytesOf(records.slice(0, at));
  const after = bytesOf(records.slice(at + 1));
  return Object.entries(alterations)
    .filter(([, alter]) => hashBytes(before, bytesOf([alter(records[at]!)]), after) === hash)
    .map(([what]) => what);
}
