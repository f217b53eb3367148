import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { causal, failureOf, key, local, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';
import { gtid } from '../model/gtid.js';
import { mintKeyspaceId, seqno } from '../model/ids.js';
import type { TransactRequest } from './service.js';

let cluster: InProcessCluster;
beforeAll(async () => {
  cluster = await InProcessCluster.start();
});
beforeEach(() => cluster.restore());
afterAll(() => cluster.stop());

const at = (node: string, request: Partial<TransactRequest>) =>
  cluster.keyspace(node).transact(oneShot(request));

describe('a causality token', () => {
  const token = (n: number, history = cluster.history) => gtid(history, seqno(n));

  it('of another history is refused at once', async () => {
    const given = token(0, mintKeyspaceId(Buffer.alloc(16, 3)));
    const failure = failureOf(await cluster.keyspace('east').read([key('a')], { ...local, token: given }));
    const details = { given, history: cluster.history };
    expect(failure).toMatchObject({ code: 'HISTORY_MISMATCH', details });
  });

  it('far ahead times out with what was required and what is applied', async () => {
    const applied = cluster.status('east').applied;
    const given = token(applied + 1000);
    const failure = failureOf(
      await cluster.keyspace('east').read([key('a')], { ...local, token: given, timeoutMs: 50 }),
    );
    const details = { required: given, applied: token(applied) };
    expect(failure).toMatchObject({ code: 'CAUSAL_READ_TIMEOUT', details });
  });

  it('a little ahead waits, and no longer than for it; one that is reached needs no network', async () => {
    cluster.network.hold('home', 'east', 'entries');
    const { gtid: written } = valueOf(await at('home', { mutations: [put('token', 'new')] }));
    const read = cluster.keyspace('east').read([key('token')], { ...local, token: written });
    cluster.network.release('home', 'east', 'entries');
    expect(valueOf(await read).values.map(textOf)).toEqual(['new']);
    await cluster.cutOff('east');
    const again = await cluster.keyspace('east').read([key('token')], { ...local, token: written });
    expect(valueOf(again)).toMatchObject({ gtid: written });
  });
});

describe('a causal read', () => {
  it('sees every commit that was answered before it began, wherever, and a local one need not', async () => {
    cluster.network.hold('home', 'east', 'entries');
    valueOf(await at('home', { mutations: [put('c', 'new')] }));
    const east = cluster.keyspace('east');
    expect(valueOf(await east.read([key('c')], local)).values).toEqual([undefined]);
    const range = { start: key('c'), end: key('d') };
    const begin = { ...causal, isolation: 'serializable', idleTimeoutMs: undefined } as const;
    const reading = Promise.all([
      east.read([key('c')], causal),
      east.list(range, { ...causal, limit: 1, reverse: false }),
      east.begin(begin),
      at('east', { ...causal, reads: [{ kind: 'key', key: key('c') }] }),
    ]);
    cluster.network.release('home', 'east', 'entries');
    const [read, list, transaction, oneShotRead] = await reading;
    expect(valueOf(read).values.map(textOf)).toEqual(['new']);
    expect(valueOf(list).entries.map(({ value }) => textOf(value))).toEqual(['new']);
    expect(textOf(valueOf(await valueOf(transaction).get(key('c'))))).toBe('new');
    expect(valueOf(oneShotRead).reads).toMatchObject([{ value: { version: valueOf(oneShotRead).seqno } }]);
  });

  it('that cannot be brought up to date in time is an error with what it required, never an older answer', async () => {
    const applied = cluster.status('east').applied;
    cluster.network.hold('home', 'east', 'entries');
    const { gtid: required } = valueOf(await at('home', { mutations: [put('c', 'newer')] }));
    const failure = failureOf(await cluster.keyspace('east').read([key('c')], { ...causal, timeoutMs: 500 }));
    const details = { required, applied: gtid(cluster.history, applied) };
    expect(failure).toMatchObject({ code: 'CAUSAL_READ_TIMEOUT', details });
  });

  it('without a sequencer is refused, while local reads go on', async () => {
    await cluster.cutOff('east');
    expect(failureOf(await cluster.keyspace('east').read([key('c')], causal)).code).toBe(
      'CAUSAL_READ_TIMEOUT',
    );
    expect(valueOf(await cluster.keyspace('east').read([key('nothing')], local)).values).toEqual([undefined]);
  });
});
