import { expect, it } from 'vitest';
import { nodeId, type TransactionId } from '../model/ids.js';
import { mintTransactionId } from '../model/transaction-id.js';
import { systemRandom } from '../runtime/system/random.js';
import { FreshIds } from './fresh-ids.js';

const idAt = (timeMs: number): TransactionId =>
  mintTransactionId(timeMs, systemRandom.bytes(10), nodeId('one'));

it('takes an id for fresh until it is noted', () => {
  const fresh = new FreshIds(1000);
  const ids = Array.from({ length: 1000 }, (_, i) => idAt(1001 + i));
  for (const id of ids) {
    expect(fresh.isFresh(id)).toBe(true);
    fresh.note(id);
    expect(fresh.isFresh(id)).toBe(false);
  }
});

it('vouches for no id that may have got its outcome before it knew of any', () => {
  const fresh = new FreshIds(1000);
  expect(fresh.isFresh(idAt(1000))).toBe(false);
  expect(fresh.isFresh(idAt(1001))).toBe(true);
});

it('never takes a noted id for fresh, however many follow and in whatever order of time', () => {
  const fresh = new FreshIds(0);
  const noted: TransactionId[] = [];
  for (let i = 0; i < 200_000; i++) {
    const id = idAt(1 + ((i * 7919) % 1_000_000));
    fresh.note(id);
    if (i % 97 === 0) noted.push(id);
  }
  expect(noted.filter((id) => fresh.isFresh(id))).toEqual([]);
});

it('knows most new ids as fresh, however many it has noted', () => {
  const fresh = new FreshIds(0);
  let mistaken = 0;
  for (let i = 0; i < 200_000; i++) {
    const id = idAt(1_000_000 + i);
    if (!fresh.isFresh(id)) mistaken += 1;
    fresh.note(id);
  }
  expect(mistaken).toBeLessThan(2000);
});
