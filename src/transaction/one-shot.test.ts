import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import {
  absent,
  add,
  atVersion,
  causal,
  failureOf,
  key,
  oneShot,
  present,
  put,
  remove,
  removeRange,
  valueOf,
} from '../../test/support/requests.js';
import { seqno } from '../model/ids.js';
import { gtid } from '../model/gtid.js';
import { keyFromBytes, type Key } from '../model/keys.js';
import { limits } from '../model/limits.js';
import type { Check, MutationRequest, TransactRequest } from './service.js';

let cluster: InProcessCluster;
beforeAll(async () => {
  cluster = await InProcessCluster.start();
});
beforeEach(() => cluster.restore());
afterAll(() => cluster.stop());

const at = (node: string, request: Partial<TransactRequest>) =>
  cluster.keyspace(node).transact(oneShot(request));

describe('a check judged on an old snapshot', () => {
  it.each([
    ['absent', absent('late'), remove('late'), put('late')],
    ['present', present('early'), put('early'), remove('early')],
  ] as const)(
    '%s is judged a second time, when everything committed before is applied',
    async (_, check, makesTrue, makesFalse) => {
      valueOf(await at('home', { mutations: [makesFalse] }));
      await cluster.settled();
      cluster.network.hold('home', 'east', 'entries');
      valueOf(await at('home', { mutations: [makesTrue] }));
      const answer = at('east', { checks: [check], mutations: [put('done')] });
      await eventually(() => cluster.network.waiting('home', 'east', 'entries') > 0);
      cluster.network.release('home', 'east', 'entries');
      expect(valueOf(await answer).seqno).toBe(cluster.status('home').applied);
    },
  );

  it('absent that still fails afterwards is CHECK_FAILED', async () => {
    valueOf(await at('home', { mutations: [put('taken')] }));
    await cluster.settled();
    const failure = failureOf(
      await at('east', { checks: [absent('taken')], mutations: [put('taken', '2')] }),
    );
    expect(failure).toMatchObject({ code: 'CHECK_FAILED', outcome: 'not-committed' });
  });

  it('absent that cannot be judged a second time is CAUSAL_READ_TIMEOUT', async () => {
    valueOf(await at('home', { mutations: [put('taken too')] }));
    await cluster.settled();
    await cluster.cutOff('east');
    const request = { checks: [absent('taken too')], mutations: [put('x')], timeoutMs: 200 };
    expect(failureOf(await at('east', request)).code).toBe('CAUSAL_READ_TIMEOUT');
  });

  it('TYPE_MISMATCH is judged a second time too, and told when it stays', async () => {
    valueOf(await at('home', { mutations: [put('kind')] }));
    await cluster.settled();
    const mismatch = { code: 'TYPE_MISMATCH', outcome: 'not-committed', details: { key: 'kind' } };
    expect(failureOf(await at('east', { mutations: [add('kind')] }))).toMatchObject(mismatch);
    cluster.network.hold('home', 'east', 'entries');
    valueOf(await at('home', { mutations: [remove('kind')] }));
    const answer = at('east', { mutations: [add('kind', 5n)] });
    await eventually(() => cluster.network.waiting('home', 'east', 'entries') > 0);
    cluster.network.release('home', 'east', 'entries');
    expect(valueOf(await answer).results).toEqual([5n]);
  });

  it('a version that is ahead waits for it, and fails as CAUSAL_READ_TIMEOUT when it does not come', async () => {
    cluster.network.hold('home', 'east', 'entries');
    const { seqno: v } = valueOf(await at('home', { mutations: [put('ahead')] }));
    const answer = at('east', { checks: [atVersion('ahead', v)], mutations: [put('done')] });
    cluster.network.release('home', 'east', 'entries');
    valueOf(await answer);
    const applied = gtid(cluster.history, seqno(v + 1));
    const required = gtid(cluster.history, seqno(v + 100));
    const far = { checks: [atVersion('ahead', v + 100)], mutations: [put('x')], timeoutMs: 100 };
    const failure = failureOf(await at('east', far));
    expect(failure).toMatchObject({ code: 'CAUSAL_READ_TIMEOUT', details: { required, applied } });
  });

  it('is certified: a check that held here and was passed by at the sequencer is a conflict, with its winner', async () => {
    const { seqno: v } = valueOf(await at('home', { mutations: [put('passed')] }));
    await cluster.settled();
    cluster.network.hold('home', 'east', 'entries');
    const winner = valueOf(await at('home', { mutations: [put('passed')] })).gtid;
    const checks = [atVersion('passed', v)];
    const failures = await Promise.all(
      (['serializable', 'snapshot'] as const).map(async (isolation) =>
        failureOf(await at('east', { isolation, checks, mutations: [put('other')] })),
      ),
    );
    for (const failure of failures) {
      const conflict = { key: 'passed', gtid: winner };
      expect(failure).toMatchObject({ code: 'CERTIFICATION_CONFLICT', details: { conflict }, token: winner });
    }
  });
});

describe('limits, at both ends of the boundary', () => {
  const codeOf = async (request: Partial<TransactRequest>): Promise<string> => {
    const result = await at('home', request);
    return result.ok ? 'committed' : `${result.failure.code} ${result.failure.outcome}`;
  };
  const sized = (mutations: readonly MutationRequest[]) => codeOf({ mutations, content: [] });
  const long = (length: number): Key => keyFromBytes(Buffer.alloc(length, 'k'));
  const set = (at: Key, bytes: number): MutationRequest => ({
    ...{ kind: 'set', key: at, bytes: Buffer.alloc(bytes), contentType: '', ttlMs: undefined },
  });

  it('of a key', async () => {
    expect(await sized([set(long(limits.keyBytesMax), 1)])).toBe('committed');
    expect(await sized([set(long(limits.keyBytesMax + 1), 1)])).toBe('KEY_TOO_LARGE not-committed');
    expect(await sized([set('' as Key, 1)])).toBe('INVALID_ARGUMENT not-committed');
  });

  it('of a value', async () => {
    expect(await sized([set(key('v'), limits.valueBytesMax)])).toBe('committed');
    expect(await sized([set(key('v'), limits.valueBytesMax + 1)])).toBe('VALUE_TOO_LARGE not-committed');
  });

  it('of a transaction', async () => {
    const parts = (last: number) => [set(key('big 1'), 512 * 1024), set(key('big 2'), last)];
    const fits = limits.transactionBytesMax - 512 * 1024 - 512;
    expect(await sized(parts(fits))).toBe('committed');
    expect(await sized(parts(fits + 512))).toBe('TRANSACTION_TOO_LARGE not-committed');
  });

  it('of mutations and of deleted ranges', async () => {
    const many = (count: number) => Array.from({ length: count }, (_, n) => set(key(`m${n}`), 1));
    expect(await sized(many(limits.mutationsMax))).toBe('committed');
    expect(await sized(many(limits.mutationsMax + 1))).toBe('TRANSACTION_TOO_LARGE not-committed');
    const ranges = (count: number) => Array.from({ length: count }, (_, n) => removeRange(`z${n}`, `z${n}~`));
    expect(await sized(ranges(limits.deleteRangesPerTransactionMax))).toBe('committed');
    expect(await sized(ranges(limits.deleteRangesPerTransactionMax + 1))).toBe(
      'TRANSACTION_TOO_LARGE not-committed',
    );
  });

  it('of the keys that are deleted by range', async () => {
    for (let from = 0; from < limits.deleteRangeKeysMax; from += limits.mutationsMax) {
      const mutations = Array.from({ length: limits.mutationsMax }, (_, n) => put(`gone/${from + n}`, ''));
      valueOf(await at('home', { mutations }));
    }
    valueOf(await at('home', { mutations: [put('gone/one more')] }));
    expect(await sized([removeRange('gone/', 'gone0')])).toBe('TRANSACTION_TOO_LARGE not-committed');
    valueOf(await at('home', { mutations: [remove('gone/one more')] }));
    expect(await sized([removeRange('gone/', 'gone0')])).toBe('committed');
    const range = { start: key('gone/'), end: key('gone0') };
    const left = await cluster.keyspace('home').list(range, { ...causal, limit: 1, reverse: false });
    expect(valueOf(left).entries).toEqual([]);
  });

  it('of the values that one transaction reads', async () => {
    const names = ['r1', 'r2', 'r3', 'r4', 'r5'];
    for (const name of names)
      valueOf(await at('home', { mutations: [set(key(name), limits.valueBytesMax)] }));
    const reads = names.map((name) => ({ kind: 'key', key: key(name) }) as const);
    expect(await codeOf({ reads: reads.slice(0, 4) })).toBe('committed');
    expect(await codeOf({ reads })).toBe('TRANSACTION_TOO_LARGE not-committed');
    const range = { start: key('r1'), end: key('r6') };
    const page = { kind: 'range', range, limit: 10, reverse: false } as const;
    const committed = valueOf(await at('home', { reads: [reads[0]!, page] }));
    expect(committed.reads[1]).toMatchObject({ entries: { length: 3 }, rest: { start: key('r3\0') } });
  });

  it('of a read set', async () => {
    const checks = (count: number): Check[] =>
      Array.from({ length: count }, (_, n) => absent(`${n}`.padStart(1100, 'c')));
    const fits = Math.floor(limits.readSetBytesMax / 1104);
    expect(await codeOf({ checks: checks(fits), mutations: [put('x')] })).toBe('committed');
    expect(await codeOf({ checks: checks(fits + 1), mutations: [put('x')] })).toBe(
      'TRANSACTION_TOO_LARGE not-committed',
    );
  });
});
