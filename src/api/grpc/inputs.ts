import { assertNever } from '../../model/assert.js';
import { succeed, type Result } from '../../model/errors.js';
import type { Gtid } from '../../model/gtid.js';
import { parseTransactionId, type TransactionId } from '../../model/ids.js';
import { rangeIsEmpty, type Key, type KeyRange } from '../../model/keys.js';
import { limits } from '../../model/limits.js';
import type { Check, Freshness, MutationRequest, ReadRequest } from '../../transaction/service.js';
import type { FreshnessFields } from '../../transport/public-api/messages.js';
import { isContentType } from '../content-type.js';
import { invalid, keyTooLarge, transactionTooLarge, valueTooLarge } from '../invalid.js';
import { parseToken } from '../tokens.js';

type Refusal = Extract<Result<never>, { ok: false }>;

export function keyRefusal(field: string, key: Key): Refusal | undefined {
  if (key.length === 0) return invalid(field, 'must not be empty');
  return key.length > limits.keyBytesMax ? keyTooLarge(key.length) : undefined;
}

/** Bounds may be one byte longer than a key, so that the key after the longest one can be named. */
export function rangeRefusal(field: string, range: KeyRange): Refusal | undefined {
  for (const bound of [range.start, range.end ?? '']) {
    if (bound.length > limits.keyBytesMax + 1) return keyTooLarge(bound.length);
  }
  return rangeIsEmpty(range) ? invalid(`${field}.end`, 'must be above start') : undefined;
}

/** The number of entries asked for; 0 asks for the default. */
export function entriesOf(field: string, limit: number): Result<number> {
  if (limit > limits.listEntriesMax) return invalid(field, `must be at most ${limits.listEntriesMax}`);
  return succeed(limit === 0 ? limits.listEntriesDefault : limit);
}

/** `timeoutMs` is what is left of the call's own time; Infinity: no end. */
export function freshnessOf(fields: FreshnessFields, timeoutMs: number): Result<Freshness> {
  if (fields.timeoutMs > limits.causalTimeoutMsMax) {
    return invalid('freshness.timeout_ms', `must be at most ${limits.causalTimeoutMsMax}`);
  }
  const token = tokenOf('freshness.token', fields.token);
  if (!token.ok) return token;
  const waitMs = fields.timeoutMs === 0 ? limits.causalTimeoutMsDefault : fields.timeoutMs;
  const freshness = { causal: fields.causal, timeoutMs: Math.max(1, Math.min(waitMs, timeoutMs)) };
  return succeed({ ...freshness, token: token.value });
}

const noToken: Result<Gtid | undefined> = succeed(undefined);

/** A GTID in a field that may be empty. */
export function tokenOf(field: string, text: string): Result<Gtid | undefined> {
  return text === '' ? noToken : parseToken(field, text);
}

export function transactionIdOf(text: string): Result<TransactionId> {
  const id = parseTransactionId(text);
  return id === undefined ? invalid('transaction_id', 'must be a UUIDv7') : succeed(id);
}

/** Ranges with the number of entries that they ask for. */
export function readsOf(reads: readonly ReadRequest[]): Result<readonly ReadRequest[]> {
  if (reads.length > limits.readsMax) return transactionTooLarge('reads', limits.readsMax, reads.length);
  const checked: ReadRequest[] = [];
  for (const [i, read] of reads.entries()) {
    if (read.kind === 'key') {
      const refused = keyRefusal(`reads[${i}].key`, read.key);
      if (refused !== undefined) return refused;
      checked.push(read);
      continue;
    }
    const refused = rangeRefusal(`reads[${i}].range.range`, read.range);
    if (refused !== undefined) return refused;
    const limit = entriesOf(`reads[${i}].range.limit`, read.limit);
    if (!limit.ok) return limit;
    checked.push({ ...read, limit: limit.value });
  }
  return succeed(checked);
}

export function checksRefusal(checks: readonly Check[]): Refusal | undefined {
  if (checks.length > limits.checksMax) return transactionTooLarge('checks', limits.checksMax, checks.length);
  for (const [i, check] of checks.entries()) {
    const refused = keyRefusal(`checks[${i}].key`, check.key);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

export function mutationsRefusal(mutations: readonly MutationRequest[]): Refusal | undefined {
  if (mutations.length > limits.mutationsMax) {
    return transactionTooLarge('mutations', limits.mutationsMax, mutations.length);
  }
  for (const [i, mutation] of mutations.entries()) {
    const refused = mutationRefusal(`mutations[${i}]`, mutation);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function mutationRefusal(at: string, mutation: MutationRequest): Refusal | undefined {
  switch (mutation.kind) {
    case 'set': {
      const field = `${at}.set`;
      const { key, bytes, contentType, ttlMs } = mutation;
      const refused = keyRefusal(`${field}.key`, key) ?? ttlRefusal(field, ttlMs);
      if (refused !== undefined) return refused;
      if (bytes.length > limits.valueBytesMax) return valueTooLarge(limits.valueBytesMax, bytes.length);
      return isContentType(contentType) ? undefined : invalid(`${field}.content_type`, 'is no media type');
    }
    case 'delete':
      return keyRefusal(`${at}.delete`, mutation.key);
    case 'deleteRange':
      return rangeRefusal(`${at}.delete_range`, mutation.range);
    case 'sum':
    case 'min':
    case 'max': {
      const field = `${at}.${mutation.kind}`;
      return keyRefusal(`${field}.key`, mutation.key) ?? ttlRefusal(field, mutation.ttlMs);
    }
    default:
      return assertNever(mutation);
  }
}

function ttlRefusal(at: string, ttlMs: number | undefined): Refusal | undefined {
  if (ttlMs === undefined || ttlMs <= limits.ttlMsMax) return undefined;
  return invalid(`${at}.ttl_ms`, `must be at most ${limits.ttlMsMax}`);
}
