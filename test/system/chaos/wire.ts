import { keyFields } from '../../../src/api/json-keys.js';
import { assertNever } from '../../../src/model/assert.js';
import { parseGtid } from '../../../src/model/gtid.js';
import { keyAfter, keyFromBytes, keyFromText, type Key, type KeyRange } from '../../../src/model/keys.js';
import type { Check, MutationRequest, ReadRequest } from '../../../src/transaction/service.js';
import type { Json } from '../../support/http-client.js';
import type { Observed, Seen } from '../../simulation/workload/observed.js';

/** What the API's JSON says, in the words of the model, and back. */

export function mutationJson(mutation: MutationRequest): object {
  switch (mutation.kind) {
    case 'set': {
      const base64 = Buffer.from(mutation.bytes).toString('base64');
      const ttl = mutation.ttlMs === undefined ? {} : { ttl: mutation.ttlMs / 1000 };
      return { set: { ...keyFields(mutation.key), base64, contentType: mutation.contentType, ...ttl } };
    }
    case 'delete':
      return { delete: keyFields(mutation.key) };
    case 'deleteRange':
      return { deleteRange: rangeJson(mutation.range) };
    case 'sum':
      return { sum: { ...keyFields(mutation.key), by: String(mutation.operand) } };
    case 'min':
    case 'max':
      return { [mutation.kind]: { ...keyFields(mutation.key), value: String(mutation.operand) } };
    default:
      return assertNever(mutation);
  }
}

export function rangeJson({ start, end }: KeyRange): Record<string, string> {
  const base64 = (key: Key): string => Buffer.from(key, 'latin1').toString('base64url');
  return { startBase64: base64(start), ...(end === undefined ? {} : { endBase64: base64(end) }) };
}

export function readJson(read: ReadRequest): object {
  if (read.kind === 'key') return keyFields(read.key);
  return { ...rangeJson(read.range), limit: read.limit, reverse: read.reverse };
}

export function checkJson({ key, expect }: Check): object {
  return {
    ...keyFields(key),
    ...(typeof expect === 'string' ? { [expect]: true } : { version: expect.version }),
  };
}

/** One read of a one-shot as its answer (with `encoding: base64`) shows it. */
export function observedOf(read: ReadRequest, answer: Json): Observed {
  if (read.kind === 'key')
    return { kind: 'key', key: read.key, seen: answer.absent === true ? undefined : seenOf(answer) };
  return observedPage(read.range, answer, read.reverse);
}

/** A page that goes on has scanned up to its last key. */
export function observedPage(range: KeyRange, page: Json, reverse: boolean): Observed {
  const entries = (page.entries as Json[]).map((entry) => ({ key: keyOf(entry), seen: seenOf(entry) }));
  const last = entries.at(-1)?.key;
  if (page.cursor === undefined || last === undefined) return { kind: 'range', range, entries };
  const scanned = reverse ? { start: last, end: range.end } : { start: range.start, end: keyAfter(last) };
  return { kind: 'range', range: scanned, entries };
}

export function keyOf(entry: Json): Key {
  return entry.key === undefined
    ? keyFromBytes(Buffer.from(entry.keyBase64, 'base64'))
    : keyFromText(entry.key);
}

export function seenOf(entry: Json): Seen {
  if (entry.kind === 'counter') return { version: entry.version, text: `counter ${entry.value}` };
  return { version: entry.version, text: `bytes ${Buffer.from(entry.base64, 'base64').toString()}` };
}

export function resultsOf(results: readonly (number | string | null)[]): (bigint | null)[] {
  return results.map((result) => (result === null ? null : BigInt(result)));
}

export function seqnoOf(gtid: unknown): number {
  const parsed = typeof gtid === 'string' ? parseGtid(gtid) : undefined;
  if (parsed === undefined) throw new Error(`no GTID: ${String(gtid)}`);
  return parsed.seqno;
}
