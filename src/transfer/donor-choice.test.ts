import { expect, it } from 'vitest';
import { keyspaceId } from '../../test/support/begun-store.js';
import { nodeId, type KeyspaceId } from '../model/ids.js';
import { DonorChoice } from './donor-choice.js';

const [near, far] = [nodeId('near'), nodeId('far')];
const candidates = [near, far].map((node) => ({ node, keyspaceId, position: 1 }));
const begun = { donor: near, keyspaceId };

it('the first of the candidates is asked for a new copy, and the other after it failed', () => {
  const choice = new DonorChoice();
  const first = choice.choose(candidates, undefined)!;
  expect(first).toEqual({ node: near, keyspaceId, resume: false });
  choice.failed(first);
  expect(choice.choose(candidates, undefined)).toMatchObject({ node: far, resume: false });
});

it('nobody is asked when nobody is there', () => {
  expect(new DonorChoice().choose([], undefined)).toBeUndefined();
});

it('the donor of a copy is asked to go on with it, five times without a chunk, then another begins anew', () => {
  const choice = new DonorChoice();
  for (let tries = 0; tries < 4; tries++) choice.failed(choice.choose(candidates, begun)!);
  choice.advanced(choice.choose(candidates, begun)!);
  for (let tries = 0; tries < 5; tries++) {
    const again = choice.choose([candidates[1]!], begun)!;
    expect(again).toMatchObject({ node: near, resume: true });
    choice.failed(again);
  }
  expect(choice.choose(candidates, begun)).toMatchObject({ node: far, resume: false });
});

it('where nobody else gives a copy the donor is asked to go on with it for as long as it may hold it', () => {
  const choice = new DonorChoice();
  const alone = [candidates[0]!];
  for (let tries = 0; tries < 5; tries++) choice.failed(choice.choose([], begun)!);
  expect(choice.choose([], begun)).toBeUndefined();
  const again = choice.choose(alone, begun)!;
  expect(again).toEqual({ node: near, keyspaceId, resume: true });
  choice.gone(again);
  expect(choice.choose(alone, begun)).toEqual({ node: near, keyspaceId, resume: false });
});

it('a copy of a history that none of the candidates serves is not gone on with', () => {
  const another = '00000000-0000-4000-8000-000000000001' as KeyspaceId;
  const served = [{ node: far, keyspaceId: another, position: 1 }];
  expect(new DonorChoice().choose(served, begun)).toEqual({ node: far, keyspaceId: another, resume: false });
});

it('every candidate is asked whether it holds a copy that was begun before a restart', () => {
  const choice = new DonorChoice();
  const unknown = { donor: undefined, keyspaceId };
  choice.gone(choice.choose(candidates, unknown)!);
  const second = choice.choose(candidates, unknown)!;
  expect(second).toMatchObject({ node: far, resume: true });
  choice.gone(second);
  expect(choice.choose(candidates, unknown)).toMatchObject({ node: near, resume: false });
});

it('a donor that cannot be believed is the last that is asked', () => {
  const choice = new DonorChoice();
  choice.untrue(choice.choose(candidates, undefined)!);
  for (let tries = 0; tries < 5; tries++) {
    const other = choice.choose(candidates, undefined)!;
    expect(other.node).toBe(far);
    choice.failed(other);
  }
  expect(choice.choose([candidates[0]!], undefined)?.node).toBe(near);
});
