import { assertNever } from '../../model/assert.js';
import { succeed, type Result } from '../../model/errors.js';
import { seqno } from '../../model/ids.js';
import { limits } from '../../model/limits.js';
import type { AtomicKind } from '../../model/value.js';
import type { Check, MutationRequest, ReadRequest } from '../../transaction/service.js';
import { parseInt64 } from '../int64.js';
import { invalid, transactionTooLarge } from '../invalid.js';
import { hasRange, join, keyOf, rangeOf, type KeyFields } from '../json-keys.js';
import { valueOf } from '../json-values.js';
import type { CheckFields, MutationFields, ReadFields } from './schemas.js';

/** `ttl` in whole seconds. */
export function ttlMsOf(ttl: number | undefined): number | undefined {
  return ttl === undefined ? undefined : ttl * 1000;
}

export function readsOf(fields: readonly ReadFields[]): Result<readonly ReadRequest[]> {
  if (fields.length > limits.readsMax) return transactionTooLarge('reads', limits.readsMax, fields.length);
  return collect(fields, (one, i) => readOf(`reads[${i}]`, one));
}

export function checksOf(fields: readonly CheckFields[]): Result<readonly Check[]> {
  if (fields.length > limits.checksMax) return transactionTooLarge('checks', limits.checksMax, fields.length);
  return collect(fields, (one, i) => checkOf(`checks[${i}]`, one));
}

export function mutationsOf(fields: readonly MutationFields[]): Result<readonly MutationRequest[]> {
  if (fields.length > limits.mutationsMax) {
    return transactionTooLarge('mutations', limits.mutationsMax, fields.length);
  }
  return collect(fields, (one, i) => mutationOf(`mutations[${i}]`, one));
}

/** Every item read, or the first failure. */
function collect<From, To>(from: readonly From[], read: (one: From, i: number) => Result<To>): Result<To[]> {
  const all: To[] = [];
  for (const [i, one] of from.entries()) {
    const result = read(one, i);
    if (!result.ok) return result;
    all.push(result.value);
  }
  return succeed(all);
}

function readOf(at: string, fields: ReadFields): Result<ReadRequest> {
  if (!hasRange(fields)) {
    if (fields.limit !== undefined || fields.reverse !== undefined) {
      return invalid(at, 'limit and reverse go with a prefix or a range');
    }
    const key = keyOf(at, fields);
    return key.ok ? succeed({ kind: 'key', key: key.value }) : key;
  }
  if (fields.key !== undefined || fields.keyBase64 !== undefined) {
    return invalid(join(at, 'key'), 'excludes a prefix and a range');
  }
  const range = rangeOf(at, fields);
  if (!range.ok) return range;
  const { limit = limits.listEntriesDefault, reverse = false } = fields;
  return succeed({ kind: 'range', range: range.value, limit, reverse });
}

function checkOf(at: string, fields: CheckFields): Result<Check> {
  const key = keyOf(at, fields);
  if (!key.ok) return key;
  const { version, absent, present } = fields;
  const said = [version, absent, present].filter((word) => word !== undefined);
  if (said.length !== 1) return invalid(at, 'one of version, absent and present is required');
  if (version === undefined)
    return succeed({ key: key.value, expect: absent === true ? 'absent' : 'present' });
  if (!Number.isSafeInteger(version)) return invalid(join(at, 'version'), 'is no version');
  return succeed({ key: key.value, expect: { version: seqno(version) } });
}

type MutationKind = keyof MutationFields;

function mutationOf(at: string, fields: MutationFields): Result<MutationRequest> {
  // The schema lets exactly one member through.
  const kind = Object.keys(fields)[0] as MutationKind;
  const inside = join(at, kind);
  switch (kind) {
    case 'set':
      return setOf(inside, fields.set!);
    case 'delete': {
      const key = keyOf(inside, fields.delete!);
      return key.ok ? succeed({ kind, key: key.value }) : key;
    }
    case 'deleteRange': {
      if (!hasRange(fields.deleteRange!)) return invalid(inside, 'a prefix or a range is required');
      const range = rangeOf(inside, fields.deleteRange!);
      return range.ok ? succeed({ kind, range: range.value }) : range;
    }
    case 'sum':
      return atomicOf(inside, { kind, operand: fields.sum!.by, operandName: 'by', fields: fields.sum! });
    case 'min':
    case 'max':
      return atomicOf(inside, {
        kind,
        operand: fields[kind]!.value,
        operandName: 'value',
        fields: fields[kind]!,
      });
    default:
      return assertNever(kind);
  }
}

function setOf(at: string, fields: NonNullable<MutationFields['set']>): Result<MutationRequest> {
  const key = keyOf(at, fields);
  if (!key.ok) return key;
  const value = valueOf(at, fields);
  if (!value.ok) return value;
  return succeed({ kind: 'set', key: key.value, ...value.value, ttlMs: ttlMsOf(fields.ttl) });
}

interface AtomicFields {
  readonly kind: AtomicKind;
  readonly operand: number | string;
  readonly operandName: string;
  readonly fields: KeyFields & { readonly ttl?: number };
}

function atomicOf(at: string, { kind, operand, operandName, fields }: AtomicFields): Result<MutationRequest> {
  const key = keyOf(at, fields);
  if (!key.ok) return key;
  const count = parseInt64(join(at, operandName), operand);
  if (!count.ok) return count;
  return succeed({ kind, key: key.value, operand: count.value, ttlMs: ttlMsOf(fields.ttl) });
}
