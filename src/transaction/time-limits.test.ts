import { expect, it } from 'vitest';
import { begun } from '../../test/support/begun-store.js';
import { ManualTime } from '../../test/support/manual-time.js';
import { failureOf, key, valueOf } from '../../test/support/requests.js';
import { idAt } from '../../test/support/sequenced.js';
import { CertificationIndex } from '../certification/certification-index.js';
import { seqno } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { silentLogger } from '../runtime/runtime.js';
import type { KeyspaceContext } from './context.js';
import { OpenTransaction } from './interactive.js';

async function opened(idleMsMax: number = limits.transactionIdleMsMax) {
  const time = new ManualTime();
  const { store } = await begun();
  const index = new CertificationIndex({ transactionsMax: 1, keysMax: 1, deletedRangesMax: 1 }, seqno(0));
  const random = { bytes: (count: number) => Buffer.alloc(count), fraction: () => 0 };
  const runtime = { ...time, random, logger: silentLogger };
  const context = { store, index, runtime, notServing: () => undefined } as unknown as KeyspaceContext;
  const ends: string[] = [];
  const onEnd = (by: string): void => void ends.push(by);
  const options = { id: idAt(1), isolation: 'serializable', idleMsMax, onEnd } as const;
  return { time, ends, transaction: new OpenTransaction(context, options) };
}

it('a transaction expires a millisecond after its last operation has been idle for the limit, not before', async () => {
  const { time, ends, transaction } = await opened();
  time.advance(limits.transactionIdleMsMax - 1);
  valueOf(await transaction.get(key('a')));
  time.advance(limits.transactionIdleMsMax - 1);
  expect(ends).toEqual([]);
  time.advance(1);
  expect(ends).toEqual(['time limit']);
  expect(failureOf(await transaction.get(key('a')))).toMatchObject({ code: 'TRANSACTION_EXPIRED' });
});

it('a transaction that is never idle expires at the total limit', async () => {
  const { time, ends, transaction } = await opened();
  for (let ms = 0; ms < limits.transactionTotalMsMax - 1000; ms += 1000) {
    valueOf(await transaction.get(key('a')));
    time.advance(1000);
  }
  expect(ends).toEqual([]);
  time.advance(1000);
  expect(ends).toEqual(['time limit']);
});

it('an end leaves no timer and is told once', async () => {
  const { time, ends, transaction } = await opened();
  transaction.end('rollback');
  transaction.end('time limit');
  expect(ends).toEqual(['rollback']);
  expect(time.waiting).toBe(0);
});
