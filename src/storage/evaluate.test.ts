import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyspaceName, seqno, type KeyspaceId } from '../model/ids.js';
import { rangeContains, type Key } from '../model/keys.js';
import type { VersionedValue } from '../model/value.js';
import type { Mutation } from '../model/write-set.js';
import {
  atomic,
  Chain,
  expire,
  key,
  remove,
  removeRange,
  set,
  testId,
  transaction,
} from '../../test/support/chain.js';
import { evaluate, needsOf, type BaseState, type GroupEffect } from './evaluate.js';
import { decodeFollowing, emptyHead, type DecodedEntry } from './follow.js';

const logTimeMs = 1_000;

function group(...entries: Mutation[][][]): readonly DecodedEntry[] {
  const chain = new Chain(emptyHead, undefined, logTimeMs);
  const id = '11111111-2222-4333-8444-555555555555' as KeyspaceId;
  const genesis = chain.next({ kind: 'genesis', keyspaceId: id, keyspace: keyspaceName('k') });
  return decodeFollowing(emptyHead, [genesis, ...entries.map((lists) => chain.transactions(...lists))])
    .decoded;
}

function counter(count: bigint, version = 0, expiresAtMs?: number): VersionedValue {
  return { version: seqno(version), value: { kind: 'counter', count }, expiresAtMs };
}

function bytesOf(text: string, version: number, expiresAtMs?: number): VersionedValue {
  const value = { kind: 'bytes', bytes: Buffer.from(text), contentType: 'text/plain' } as const;
  return { version: seqno(version), value, expiresAtMs };
}

/** The state before, reduced to what the group says that it needs. */
function baseFor(decoded: readonly DecodedEntry[], state: ReadonlyMap<Key, VersionedValue>): BaseState {
  const needs = needsOf(decoded);
  const inRange = (at: Key): boolean => needs.ranges.some((range) => rangeContains(range, at));
  return {
    records: new Map(needs.keys.map((at) => [at, state.get(at)])),
    present: new Set([...state.keys()].filter(inRange)),
  };
}

function run(before: Record<string, VersionedValue>, ...entries: Mutation[][][]): GroupEffect {
  const decoded = group(...entries);
  const state = new Map(Object.entries(before).map(([text, record]) => [key(text), record]));
  return evaluate(decoded, baseFor(decoded, state));
}

function after(effect: GroupEffect, text: string): unknown {
  return effect.changes.has(key(text)) ? (effect.changes.get(key(text)) ?? 'absent') : 'untouched';
}

function results(effect: GroupEffect): unknown {
  return effect.outcomes
    .flat()
    .map(({ outcome }) => (outcome.kind === 'committed' ? outcome.results : outcome));
}

describe('plain mutations', () => {
  it('need nothing of the state before', () => {
    expect(needsOf(group([[set('a'), remove('b')]]))).toEqual({ keys: [], ranges: [] });
  });

  it('give a key its value, its version and the expiry in log time', () => {
    const effect = run({}, [[set('a', 'one')], [set('b', 'two', 50)]]);
    expect(after(effect, 'a')).toEqual(bytesOf('one', 1));
    expect(after(effect, 'b')).toEqual(bytesOf('two', 2, logTimeMs + 50));
    expect(results(effect)).toEqual([[null], [null]]);
  });

  it('drop an expiry by a set without one', () => {
    expect(after(run({ a: bytesOf('x', 0, 5_000) }, [[set('a', 'one')]]), 'a')).toEqual(bytesOf('one', 1));
  });

  it('apply in their order', () => {
    expect(after(run({}, [[set('a'), remove('a')]]), 'a')).toBe('absent');
    expect(after(run({}, [[remove('a'), set('a', 'last')]]), 'a')).toEqual(bytesOf('last', 1));
  });
});

describe('atomic mutations', () => {
  it('begin with the operand when the key is absent', () => {
    const effect = run({}, [[atomic('sum', 'a', 5n), atomic('min', 'b', -3n), atomic('max', 'c', -7n)]]);
    expect(results(effect)).toEqual([[5n, -3n, -7n]]);
    expect(after(effect, 'a')).toEqual(counter(5n, 1));
  });

  it('see what earlier mutations, transactions and entries of the group wrote', () => {
    const effect = run(
      { a: counter(10n) },
      [[atomic('sum', 'a', 1n), atomic('sum', 'a', 2n)]],
      [[atomic('max', 'a', 20n)], [atomic('min', 'a', 15n)]],
    );
    expect(results(effect)).toEqual([[11n, 13n], [20n], [15n]]);
    expect(after(effect, 'a')).toEqual(counter(15n, 3));
  });

  it('saturate at the bounds of int64', () => {
    const top = 2n ** 63n - 1n;
    const effect = run({ a: counter(top), b: counter(-top) }, [
      [atomic('sum', 'a', 1n), atomic('sum', 'b', -top)],
    ]);
    expect(results(effect)).toEqual([[top, -(2n ** 63n)]]);
  });

  it('keep the expiry unless they bring one', () => {
    const before = { a: counter(1n, 0, 7_000), b: counter(1n, 0, 7_000) };
    const effect = run(before, [[atomic('sum', 'a', 1n), atomic('sum', 'b', 1n, 30)]]);
    expect(after(effect, 'a')).toEqual(counter(2n, 1, 7_000));
    expect(after(effect, 'b')).toEqual(counter(2n, 1, logTimeMs + 30));
  });

  it('take a key that holds bytes for an absent one', () => {
    expect(after(run({ a: bytesOf('5', 0, 7_000) }, [[atomic('sum', 'a', 1n)]]), 'a')).toEqual(
      counter(1n, 1),
    );
  });

  it('begin again after a delete of the same group', () => {
    expect(results(run({ a: counter(9n) }, [[remove('a'), atomic('sum', 'a', 1n)]]))).toEqual([[null, 1n]]);
    expect(results(run({ a: counter(9n) }, [[removeRange('a', 'b')], [atomic('sum', 'a', 1n)]]))).toEqual([
      [null],
      [1n],
    ]);
  });
});

describe('expire', () => {
  it('deletes at the expiry and after it, not before, and nothing without one', () => {
    const before = {
      due: bytesOf('x', 0, logTimeMs),
      early: bytesOf('x', 0, logTimeMs + 1),
      never: bytesOf('x', 0),
    };
    const effect = run(before, [[expire('due'), expire('early'), expire('never'), expire('absent')]]);
    const found = ['due', 'early', 'never', 'absent'].map((text) => after(effect, text));
    expect(found).toEqual(['absent', 'untouched', 'untouched', 'untouched']);
    expect(results(effect)).toEqual([[1n, 0n, 0n, 0n]]);
  });

  it('does not delete a key that the group has renewed', () => {
    const effect = run({ a: bytesOf('x', 0, 1) }, [[set('a', 'new', 500)], [expire('a')]]);
    expect(after(effect, 'a')).toEqual(bytesOf('new', 1, logTimeMs + 500));
  });
});

describe('deleteRange', () => {
  it('deletes what is present in the range, from the store and from the group, and nothing else', () => {
    const before = { a: counter(1n), b: counter(1n), c: counter(1n) };
    const effect = run(before, [[set('bb'), remove('b'), removeRange('b', 'c'), set('bz')]]);
    const found = ['a', 'b', 'bb', 'bz', 'c'].map((text) => after(effect, text));
    expect(found).toEqual(['untouched', 'absent', 'absent', bytesOf('value', 1), 'untouched']);
  });

  it('without an end reaches the last key; one that is empty deletes nothing', () => {
    const before = { a: counter(1n), z: counter(1n) };
    expect([...run(before, [[removeRange('b')]]).changes.keys()]).toEqual(['z']);
    expect([...run(before, [[removeRange('z', 'a')]]).changes.keys()]).toEqual([]);
  });

  it('reads overlapping ranges once', () => {
    const { ranges } = needsOf(group([[removeRange('c', 'f'), removeRange('a', 'd'), removeRange('x')]]));
    expect(ranges).toEqual([
      { start: 'a', end: 'f' },
      { start: 'x', end: undefined },
    ]);
  });
});

it('refuses a second outcome of an id', () => {
  const { head } = decodeFollowing(emptyHead, [group()[0]!.bytes]);
  const item = transaction(testId(1), [set('a')]);
  const { decoded } = decodeFollowing(head, [new Chain(head).batch([item, item])]);
  expect(() => evaluate(decoded, baseFor(decoded, new Map()))).toThrow('has two outcomes');
});

const keyText = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const ttl = fc.constantFrom(0, 0, 100);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(keyText, fc.string({ maxLength: 3 }), ttl).map(([at, text, ttlMs]) => set(at, text, ttlMs)),
  keyText.map(remove),
  keyText.map(expire),
  fc.tuple(keyText, keyText).map(([start, end]) => removeRange(start, end)),
  fc
    .tuple(fc.constantFrom('sum', 'min', 'max'), keyText, fc.bigInt(-9n, 9n), ttl)
    .map(([kind, at, operand, ttlMs]) => atomic(kind, at, operand, ttlMs)),
);

/** The same mutations one entry at a time over a plain map: what a group must come to. */
function oneByOne(decoded: readonly DecodedEntry[]): Map<Key, VersionedValue> {
  const state = new Map<Key, VersionedValue>();
  for (const each of decoded) {
    const { changes } = evaluate([each], baseFor([each], state));
    for (const [at, record] of changes) {
      if (record === undefined) state.delete(at);
      else state.set(at, record);
    }
  }
  return state;
}

it('comes to the same state whether entries are applied in one group or one by one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.array(mutation, { maxLength: 4 }), { maxLength: 3 }), { maxLength: 6 }),
      (entries) => {
        const decoded = group(...entries);
        const { changes } = evaluate(decoded, baseFor(decoded, new Map()));
        const together = [...changes].filter(([, record]) => record !== undefined).sort();
        expect(together).toEqual([...oneByOne(decoded)].sort());
      },
    ),
    { numRuns: 300 },
  );
});
