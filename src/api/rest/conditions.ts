import { succeed, type Result } from '../../model/errors.js';
import { parseGtid, type Gtid } from '../../model/gtid.js';
import type { KeyspaceId, Seqno } from '../../model/ids.js';
import type { Key } from '../../model/keys.js';
import type { Check } from '../../transaction/service.js';
import { historyMismatch, invalid } from '../invalid.js';
import { historyOf } from '../tokens.js';

/** Versions of a key that a condition names; 'any': `*`. */
export type Tags = 'any' | readonly Seqno[];

export interface Conditions {
  readonly ifMatch: Tags | undefined;
  readonly ifNoneMatch: Tags | undefined;
}

interface ConditionHeaders {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
}

const unconditional: Conditions = { ifMatch: undefined, ifNoneMatch: undefined };

export function etag(answer: Gtid, version: Seqno): string {
  return `"${historyOf(answer)}:${version}"`;
}

/** The conditions of a request; `history` is asked for only when there are tags. */
export function conditionsOf(
  headers: ConditionHeaders,
  history: () => KeyspaceId | undefined,
): Result<Conditions> {
  if (headers['if-match'] === undefined && headers['if-none-match'] === undefined)
    return succeed(unconditional);
  const ifMatch = parseTags('header.If-Match', headers['if-match'], history);
  if (!ifMatch.ok) return ifMatch;
  const ifNoneMatch = parseTags('header.If-None-Match', headers['if-none-match'], history);
  if (!ifNoneMatch.ok) return ifNoneMatch;
  return succeed({ ifMatch: ifMatch.value, ifNoneMatch: ifNoneMatch.value });
}

function parseTags(
  field: string,
  text: string | undefined,
  history: () => KeyspaceId | undefined,
): Result<Tags | undefined> {
  if (text === undefined) return succeed(undefined);
  if (text.trim() === '*') return succeed('any');
  const current = history();
  const versions: Seqno[] = [];
  for (const part of text.split(',')) {
    const tag = part.trim();
    if (tag.startsWith('W/')) return invalid(field, 'weak tags are not served here and never match');
    const parsed = /^".*"$/.test(tag) ? parseGtid(tag.slice(1, -1)) : undefined;
    if (parsed === undefined) return invalid(field, 'is neither * nor ETags as this API gives them');
    if (current !== undefined && parsed.history !== current) {
      return historyMismatch(field, parsed.history, current);
    }
    versions.push(parsed.seqno);
  }
  return succeed(versions);
}

/** What a read of a key at `version` (undefined: absent) is to answer. If-Match goes first (RFC 9110, 13.2.2). */
export function judgeRead(
  conditions: Conditions,
  version: Seqno | undefined,
): 'serve' | 'not-modified' | 'failed' {
  if (conditions.ifMatch !== undefined && !matches(conditions.ifMatch, version)) return 'failed';
  if (conditions.ifNoneMatch !== undefined && matches(conditions.ifNoneMatch, version)) return 'not-modified';
  return 'serve';
}

function matches(tags: Tags, version: Seqno | undefined): boolean {
  return version !== undefined && (tags === 'any' || tags.includes(version));
}

/** The checks of a conditional write. A check holds one version, so If-Match takes one tag, and If-None-Match only `*`. */
export function checksOf(key: Key, { ifMatch, ifNoneMatch }: Conditions): Result<readonly Check[]> {
  const checks: Check[] = [];
  if (ifMatch === 'any') checks.push({ key, expect: 'present' });
  else if (ifMatch !== undefined) {
    if (ifMatch.length !== 1) return invalid('header.If-Match', 'takes one tag on a write');
    checks.push({ key, expect: { version: ifMatch[0]! } });
  }
  if (ifNoneMatch === 'any') checks.push({ key, expect: 'absent' });
  else if (ifNoneMatch !== undefined) return invalid('header.If-None-Match', 'takes only * on a write');
  return succeed(checks);
}
