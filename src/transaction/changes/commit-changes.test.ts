import { describe, expect, it } from 'vitest';
import { atomic, expire, key, remove, removeRange, set } from '../../../test/support/chain.js';
import { seqno } from '../../model/ids.js';
import { describeKey, firstKey, type KeyRange } from '../../model/keys.js';
import type { MutationResults } from '../../model/outcome.js';
import type { Mutation } from '../../model/write-set.js';
import type { Change } from '../service.js';
import { changesIn } from './commit-changes.js';

const everyKey: KeyRange = { start: firstKey, end: undefined };

function changes(
  mutations: readonly Mutation[],
  { range = everyKey, results }: { range?: KeyRange; results?: MutationResults } = {},
): readonly Change[] | undefined {
  return changesIn({ seqno: seqno(9), timeMs: 1000, mutations, results: () => results }, range);
}

/** In short: `a=value`, `-a`, `-[a,c)`. */
function shown(list: readonly Change[] | undefined): readonly string[] | undefined {
  return list?.map((change) => {
    if (change.kind === 'deleted') return `-${describeKey(change.key)}`;
    if (change.kind === 'deletedRange') return `-[${change.range.start},${change.range.end ?? ''})`;
    const { value } = change.value;
    return `${describeKey(change.key)}=${value.kind === 'counter' ? value.count : Buffer.from(value.bytes).toString()}`;
  });
}

describe('what a commit left behind', () => {
  it('carries the values with the version and the expiry that the commit gave them', () => {
    expect(changes([set('a', 'x', 500), set('b', 'y')])).toEqual([
      {
        kind: 'set',
        key: key('a'),
        value: {
          version: 9,
          value: { kind: 'bytes', bytes: Buffer.from('x'), contentType: 'text/plain' },
          expiresAtMs: 1500,
        },
      },
      {
        kind: 'set',
        key: key('b'),
        value: {
          version: 9,
          value: { kind: 'bytes', bytes: Buffer.from('y'), contentType: 'text/plain' },
          expiresAtMs: undefined,
        },
      },
    ]);
  });

  it('has the counter after an atomic mutation, out of the outcome', () => {
    const mutations = [atomic('sum', 'a', 5n), atomic('min', 'b', 5n), atomic('max', 'c', 5n, 100)];
    const found = changes(mutations, { results: [105n, 3n, 7n] })!;
    expect(shown(found)).toEqual(['a=105', 'b=3', 'c=7']);
    expect(found.map((change) => change.kind === 'set' && change.value.expiresAtMs)).toEqual([
      undefined,
      undefined,
      1100,
    ]);
  });

  it('has the last word alone of a key that the commit wrote more than once', () => {
    const mutations = [set('a', '1'), atomic('sum', 'n', 1n), remove('a'), set('b'), atomic('sum', 'n', 1n)];
    const results = [null, 1n, null, null, 2n];
    expect(shown(changes(mutations, { results }))).toEqual(['-a', 'b=value', 'n=2']);
  });

  it('gives a counter the expiry that an earlier mutation of the commit set, unless it was deleted after that', () => {
    const expiryOf = (mutations: readonly Mutation[]) =>
      changes(mutations, { results: mutations.map((_, at) => BigInt(at)) })!.map((change) =>
        change.kind === 'set' ? change.value.expiresAtMs : change.kind,
      );
    const sum = atomic('sum', 'n', 1n);
    const withTtl = (ttlMs: number) => atomic('max', 'n', 1n, ttlMs);
    expect(expiryOf([withTtl(500), sum, sum])).toEqual([1500]);
    expect(expiryOf([withTtl(500), withTtl(700), sum])).toEqual([1700]);
    expect(expiryOf([withTtl(500), remove('n'), sum])).toEqual(['deleted', undefined]);
    expect(expiryOf([withTtl(500), removeRange('a'), sum])).toEqual(['deletedRange', undefined]);
  });

  it('shows that a counter was deleted and made anew: it does not expire when the one before did', () => {
    const results = [null, 1n, 2n, null];
    expect(
      shown(changes([remove('n'), atomic('sum', 'n', 1n), atomic('sum', 'n', 1n)], { results })),
    ).toEqual(['-n', 'n=2']);
    const renewed = [remove('n'), atomic('sum', 'n', 1n), atomic('sum', 'n', 1n, 9)];
    expect(shown(changes(renewed, { results }))).toEqual(['n=2']);
  });

  it('leaves out what a later deleted range covers, and keeps what was set in it after that', () => {
    const mutations = [set('a'), set('b'), removeRange('b', 'd'), set('c')];
    expect(shown(changes(mutations))).toEqual(['a=value', '-[b,d)', 'c=value']);
  });

  it('shows an expire as deleted only where it deleted', () => {
    const mutations = [expire('a'), expire('b')];
    expect(shown(changes(mutations, { results: [1n, 0n] }))).toEqual(['-a']);
    expect(shown(changes([set('b'), expire('b')], { results: [null, 0n] }))).toEqual(['b=value']);
  });
});

describe('the range', () => {
  it('lets through the changes of its own keys, its start included and its end not', () => {
    const range = { start: key('b'), end: key('d') };
    expect(shown(changes([set('a'), remove('b'), set('c'), set('d')], { range }))).toEqual(['-b', 'c=value']);
  });

  it('clips deleted ranges, and leaves out those that do not touch it', () => {
    const range = { start: key('b'), end: key('d') };
    const mutations = [removeRange('a'), removeRange('a', 'c'), removeRange('c', 'z'), removeRange('d', 'e')];
    expect(shown(changes(mutations, { range }))).toEqual(['-[b,d)', '-[b,c)', '-[c,d)']);
    expect(shown(changes([removeRange('a')]))).toEqual(['-[a,)']);
  });
});

describe('an outcome that is no longer kept', () => {
  it('makes the changes unknown where they rest on it', () => {
    expect(changes([set('a'), atomic('sum', 'n', 1n)])).toBeUndefined();
    expect(changes([expire('a')])).toBeUndefined();
  });

  it('is not asked for where they do not', () => {
    const range = { start: key('a'), end: key('b') };
    const asked = { seqno: seqno(9), timeMs: 0, mutations: [set('a'), atomic('sum', 'n', 1n), remove('a')] };
    const results = (): never => expect.fail('the outcome was asked for');
    expect(shown(changesIn({ ...asked, results }, range))).toEqual(['-a']);
  });

  it('of a store that did not note yet whether an expire deleted is taken for one', () => {
    expect(changes([expire('a')], { results: [null] })).toBeUndefined();
  });
});
