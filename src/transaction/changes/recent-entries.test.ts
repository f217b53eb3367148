import { beforeEach, expect, it } from 'vitest';
import { begun } from '../../../test/support/begun-store.js';
import { set } from '../../../test/support/chain.js';
import { seqno } from '../../model/ids.js';
import type { AppliedEntry } from '../../storage/store.js';
import { RecentEntries } from './recent-entries.js';

const value = 'v'.repeat(10_000);
let applied: AppliedEntry[];

/** Twenty entries of two transactions each, with barriers between them; about 20 KB each. */
beforeEach(async () => {
  const { store, chain } = await begun();
  applied = [];
  store.onApplied((entries) => applied.push(...entries));
  for (let i = 0; i < 20; i++) {
    await store.apply([chain.transactions([set('a', value)], [set('b', value)]), chain.barrier()]);
  }
});

const filled = (weightMax: number): RecentEntries => {
  const recent = new RecentEntries(weightMax);
  for (const one of applied) recent.add(one);
  return recent;
};
const seqnos = (recent: RecentEntries, after: number, bytesMax: number): number[] | undefined =>
  recent.after(seqno(after), bytesMax)?.flatMap(({ commits }) => commits.map((commit) => commit.seqno));

it('entries are found by what a reader has passed, also in the middle of one', () => {
  const recent = filled(10_000_000);
  expect(seqnos(recent, 36, 10_000_000)).toEqual([37, 38, 39, 40]);
  expect(seqnos(recent, 37, 10_000_000)).toEqual([37, 38, 39, 40]);
  expect(seqnos(recent, 0, 45_000)).toEqual([1, 2, 3, 4]);
  expect(seqnos(recent, 0, 1)).toEqual([1, 2]);
});

it('what is not there, or no longer, is not found', () => {
  const recent = filled(100_000);
  expect(seqnos(recent, 40, 1)).toBeUndefined();
  expect(seqnos(recent, 0, 1)).toBeUndefined();
  expect(new RecentEntries(1).after(seqno(0), 1)).toBeUndefined();
  recent.clear();
  expect(seqnos(recent, 39, 1)).toBeUndefined();
});

it('no more is kept than the bound, but the newest', () => {
  const kept = (recent: RecentEntries): number =>
    Array.from({ length: 40 }, (_, after) => after).filter((after) => seqnos(recent, after, 1)).length;
  expect(kept(filled(100_000))).toBe(8);
  expect(kept(filled(1))).toBe(2);
});

it('an entry is decoded once for all who read it', () => {
  const recent = filled(10_000_000);
  const [once] = recent.after(seqno(0), 1)!;
  const [again] = recent.after(seqno(1), 1)!;
  expect(again!.commits).toBe(once!.commits);
});
