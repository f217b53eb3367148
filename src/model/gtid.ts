import { parseKeyspaceId, seqno, type Brand, type KeyspaceId, type Seqno } from './ids.js';

/** `<keyspace uuid>:<seqno>`: the id of a committed transaction, an ETag, and a causality token. */
export type Gtid = Brand<string, 'Gtid'>;

export function gtid(history: KeyspaceId, at: Seqno): Gtid {
  return `${history}:${at}` as Gtid;
}

/** Undefined unless `text` is a well-formed GTID; its history is for the caller to compare. */
export function parseGtid(text: string): { history: KeyspaceId; seqno: Seqno } | undefined {
  const colon = text.indexOf(':');
  const history = colon === 36 ? parseKeyspaceId(text.slice(0, colon)) : undefined;
  const digits = text.slice(colon + 1);
  if (history === undefined || !/^(0|[1-9][0-9]{0,15})$/.test(digits)) return undefined;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? { history, seqno: seqno(value) } : undefined;
}
