import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import {
  add,
  causal,
  failureOf,
  key,
  local,
  oneShot,
  put,
  remove,
  removeRange,
  textOf,
  valueOf,
} from '../../test/support/requests.js';
import type { Result } from '../model/errors.js';
import type { TransactionId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { BeginOptions, Committed, InteractiveTransaction, MutationRequest } from './service.js';

let cluster: InProcessCluster;
beforeAll(async () => {
  cluster = await InProcessCluster.start();
});
beforeEach(() => cluster.restore());
afterAll(() => cluster.stop());

const begin = async (node = 'east', options: Partial<BeginOptions> = {}): Promise<InteractiveTransaction> =>
  valueOf(
    await cluster
      .keyspace(node)
      .begin({ ...causal, isolation: 'serializable', idleTimeoutMs: undefined, ...options }),
  );
const commit = (id: TransactionId, node = 'east') => cluster.keyspace(node).commit(id);
const write = async (...mutations: MutationRequest[]) =>
  valueOf(await cluster.keyspace('home').transact(oneShot({ mutations })));
const read = async (transaction: InteractiveTransaction, text: string) =>
  textOf(valueOf(await transaction.get(key(text))));

async function listed(transaction: InteractiveTransaction, reverse = false, limit = 100): Promise<string[]> {
  const range = { start: key('own/'), end: key('own0') };
  const { entries } = valueOf(await transaction.list(range, { limit, reverse }));
  return entries.map((entry) => `${entry.key.slice(4)}=${textOf(entry.value)}`);
}

describe('a transaction sees its own writes', () => {
  it('in order, merged with what is there, forwards and backwards, to the limit', async () => {
    await write(put('own/a', '1'), put('own/c', '1'), put('own/e', '1'), add('own/n', 5n));
    const t = await begin();
    for (const mutation of [
      put('own/b', '2'),
      remove('own/c'),
      put('own/e', '2'),
      add('own/n', 2n),
      add('own/o', 7n),
    ]) {
      valueOf(await t.mutate(mutation));
    }
    const all = ['a=1', 'b=2', 'e=2', 'n=7', 'o=7'];
    expect(await listed(t)).toEqual(all);
    expect(await listed(t, true)).toEqual([...all].reverse());
    expect(await listed(t, false, 2)).toEqual(['a=1', 'b=2']);
    expect(await listed(t, true, 3)).toEqual(['o=7', 'n=7', 'e=2']);
    expect([await read(t, 'own/c'), await read(t, 'own/n'), await read(t, 'own/b')]).toEqual([
      undefined,
      '7',
      '2',
    ]);
    valueOf(await t.mutate(removeRange('own/b', 'own/n')));
    valueOf(await t.mutate(put('own/d', '3')));
    expect(await listed(t)).toEqual(['a=1', 'd=3', 'n=7', 'o=7']);
    expect(valueOf(await commit(t.id)).results).toEqual([null, null, null, 7n, 7n, null, null]);
    const after = await begin('west');
    expect(await listed(after)).toEqual(['a=1', 'd=3', 'n=7', 'o=7']);
  });

  it('and nobody else does before COMMIT, nor ever after a rollback', async () => {
    const t = await begin();
    valueOf(await t.mutate(put('secret')));
    expect(valueOf(await cluster.keyspace('east').read([key('secret')], local)).values).toEqual([undefined]);
    valueOf(await cluster.keyspace('east').rollback(t.id));
    expect(valueOf(await cluster.keyspace('east').read([key('secret')], causal)).values).toEqual([undefined]);
    expect(failureOf(await t.get(key('secret'))).code).toBe('TRANSACTION_FINISHED');
  });

  it('reads stay at its snapshot', async () => {
    await write(put('stays', 'old'));
    const t = await begin();
    await write(put('stays', 'new'));
    await cluster.settled();
    expect(await read(t, 'stays')).toBe('old');
  });

  it('an atomic mutation of what holds no counter, also by its own write, is refused', async () => {
    const t = await begin();
    valueOf(await t.mutate(put('bytes')));
    expect(failureOf(await t.mutate(add('bytes')))).toMatchObject({
      code: 'TYPE_MISMATCH',
      outcome: 'not-committed',
    });
    valueOf(await t.mutate(remove('bytes')));
    valueOf(await t.mutate(add('bytes', 3n)));
    expect(valueOf(await commit(t.id)).results).toEqual([null, null, 3n]);
  });
});

describe('early judgement', () => {
  async function doomed(): Promise<[InteractiveTransaction, string]> {
    const t = await begin();
    valueOf(await t.get(key('contended')));
    valueOf(await t.mutate(put('mine')));
    const { gtid } = await write(put('contended'));
    await cluster.settled();
    return [t, gtid];
  }

  it.each(['get', 'mutate', 'commit'] as const)('names the winner at the next %s', async (operation) => {
    const [t, winner] = await doomed();
    const operations = {
      get: () => t.get(key('anything')),
      mutate: () => t.mutate(put('anything')),
      commit: () => commit(t.id),
    };
    const { position } = cluster.parts('home').store.head;
    const failure = failureOf(await operations[operation]());
    const conflict = { key: 'contended', gtid: winner };
    expect(failure).toMatchObject({
      ...{ code: 'TRANSACTION_ABORTED', outcome: 'not-committed', details: { conflict }, token: winner },
    });
    expect(failureOf(await commit(t.id)).code).toBe('TRANSACTION_ABORTED');
    expect(cluster.parts('home').store.head.position).toBe(position);
  });

  it('leaves one alone that has written nothing: its reads hold, and it commits without the sequencer', async () => {
    const t = await begin();
    valueOf(await t.get(key('contended')));
    await write(put('contended'));
    await cluster.settled();
    cluster.network.cut('home', 'east');
    await eventually(() => !cluster.status('east').writable);
    valueOf(await t.get(key('contended')));
    expect(valueOf(await commit(t.id))).toMatchObject({ gtid: t.snapshot, results: [] });
  });

  it('leaves one alone that is at COMMIT: the sequencer decides', async () => {
    const t = await begin();
    valueOf(await t.get(key('contended')));
    valueOf(await t.mutate(put('mine')));
    cluster.network.hold('east', 'home', 'certify');
    const committing = commit(t.id);
    await eventually(() => cluster.network.waiting('east', 'home', 'certify') > 0);
    const { gtid } = await write(put('contended'));
    await eventually(() => cluster.status('east').applied === cluster.status('home').applied);
    expect(failureOf(await t.get(key('x'))).code).toBe('TRANSACTION_FINISHED');
    cluster.network.release('east', 'home', 'certify');
    const conflict = { key: 'contended', gtid };
    expect(failureOf(await committing)).toMatchObject({
      code: 'CERTIFICATION_CONFLICT',
      details: { conflict },
    });
  });
});

describe('COMMIT', () => {
  it('twice, also at the same time, returns the first outcome and commits once', async () => {
    const t = await begin();
    valueOf(await t.mutate(add('once')));
    const answers: Result<Committed>[] = await Promise.all([commit(t.id), commit(t.id)]);
    answers.push(await commit(t.id));
    expect(new Set(answers.map((answer) => valueOf(answer).gtid)).size).toBe(1);
    expect(valueOf(answers[2]!).results).toEqual([1n]);
    expect(await read(await begin(), 'once')).toBe('1');
  });

  it('a list that is under way when it is sent is not answered as part of the transaction', async () => {
    await write(put('own/x'));
    const t = await begin();
    valueOf(await t.mutate(put('out')));
    const listing = t.list({ start: key('own/'), end: key('own0') }, { limit: 10, reverse: false });
    valueOf(await commit(t.id));
    expect(failureOf(await listing).code).toBe('TRANSACTION_FINISHED');
  });

  it('after a rollback, and a rollback after COMMIT, say what was first', async () => {
    const [a, b] = [await begin(), await begin()];
    valueOf(await cluster.keyspace('east').rollback(a.id));
    expect(failureOf(await commit(a.id))).toMatchObject({
      code: 'TRANSACTION_FINISHED',
      outcome: 'not-committed',
    });
    valueOf(await b.mutate(put('b')));
    const { gtid } = valueOf(await commit(b.id));
    expect(valueOf(await cluster.keyspace('east').rollback(b.id))).toMatchObject({
      state: 'committed',
      gtid,
    });
  });

  it('deletes no more keys by range than the limit', async () => {
    for (let from = 0; from <= limits.deleteRangeKeysMax; from += limits.mutationsMax) {
      await write(...Array.from({ length: limits.mutationsMax }, (_, n) => put(`many/${from + n}`, '')));
    }
    const t = await begin();
    valueOf(await t.mutate(removeRange('many/', 'many0')));
    expect(failureOf(await commit(t.id))).toMatchObject({
      code: 'TRANSACTION_TOO_LARGE',
      outcome: 'not-committed',
    });
  });
});

describe('limits', () => {
  it('idle for too long it expires; an operation renews the limit', async () => {
    const t = await begin('east', { idleTimeoutMs: 1000 });
    const untilMs = cluster.runtime.clock.monotonicMs() + 2000;
    await eventually(async () => {
      valueOf(await t.get(key('x')));
      return cluster.runtime.clock.monotonicMs() > untilMs;
    });
    await eventually(() => cluster.keyspace('east').openTransactions === 0);
    const expired = { code: 'TRANSACTION_EXPIRED', outcome: 'not-committed' };
    expect(failureOf(await t.get(key('x')))).toMatchObject(expired);
    expect(failureOf(await commit(t.id))).toMatchObject(expired);
    expect(failureOf(cluster.keyspace('east').open(t.id))).toMatchObject(expired);
  });

  it('as many mutations and bytes as the limits, and not one more', async () => {
    const t = await begin();
    for (let n = 0; n < limits.mutationsMax; n++) valueOf(await t.mutate(put(`m${n}`, '')));
    expect(failureOf(await t.mutate(put('above'))).code).toBe('TRANSACTION_TOO_LARGE');
    expect(valueOf(await commit(t.id)).results).toHaveLength(limits.mutationsMax);
    const big = await begin();
    valueOf(await big.mutate(put('big1', 'x'.repeat(500_000))));
    expect(failureOf(await big.mutate(put('big2', 'x'.repeat(500_000)))).code).toBe('TRANSACTION_TOO_LARGE');
    valueOf(await commit(big.id));
  });

  it('as many open ones as the limit; one more is refused until one ends', async () => {
    const open: InteractiveTransaction[] = [];
    while (open.length < limits.openTransactionsMax) open.push(await begin('west', local));
    const options = { ...local, isolation: 'serializable', idleTimeoutMs: undefined } as const;
    expect(failureOf(await cluster.keyspace('west').begin(options)).code).toBe('OVERLOADED');
    valueOf(await cluster.keyspace('west').rollback(open[0]!.id));
    valueOf(await cluster.keyspace('west').begin(options));
    for (const t of open.slice(1)) valueOf(await cluster.keyspace('west').rollback(t.id));
  });
});
