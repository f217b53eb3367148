import type { Gtid } from '../../model/gtid.js';
import type { KeyRange } from '../../model/keys.js';
import type { MutationResults } from '../../model/outcome.js';
import type { Committed, ListPage, ReadAnswer } from '../../transaction/service.js';
import { encodeCursor } from '../cursor.js';
import { int64Json } from '../int64.js';
import { keyFields } from '../json-keys.js';
import { entryJson, type Encoding } from '../json-values.js';

export function resultsJson(results: MutationResults): (number | string | null)[] {
  return results.map((result) => (result === null ? null : int64Json(result)));
}

export function writtenJson({ transactionId, gtid, seqno }: Committed): string {
  return `{"transactionId":"${transactionId}","gtid":"${gtid}","version":${seqno}}`;
}

export function committedJson(committed: Committed): string {
  return `${writtenJson(committed).slice(0, -1)},"results":${JSON.stringify(resultsJson(committed.results))}}`;
}

export interface PageContext {
  readonly gtid: Gtid;
  readonly reverse: boolean;
  readonly encoding: Encoding | 'keys-only';
  /** '' outside of an interactive transaction. */
  readonly transaction: string;
}

/** `rest`: where the next page goes on. */
export function pageJson(
  entries: ListPage['entries'],
  rest: KeyRange | undefined,
  { gtid, reverse, encoding, transaction }: PageContext,
): string {
  const shown = entries.map(({ key, value }) => entryJson(key, value, encoding)).join(',');
  const cursor =
    rest === undefined ? '' : `,"cursor":"${encodeCursor({ gtid, rest, reverse, transaction })}"`;
  return `{"entries":[${shown}]${cursor}}`;
}

/** The answer to one read of a one-shot transaction; `context.reverse` is that of the read. */
export function readJson(read: ReadAnswer, context: PageContext): string {
  if (read.kind === 'range') return pageJson(read.entries, read.rest, context);
  if (read.value !== undefined) return entryJson(read.key, read.value, context.encoding);
  return JSON.stringify({ ...keyFields(read.key), absent: true });
}
