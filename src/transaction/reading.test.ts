import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import {
  absent,
  atVersion,
  causal,
  failureOf,
  key,
  oneShot,
  present,
  put,
  valueOf,
} from '../../test/support/requests.js';
import { limits } from '../model/limits.js';
import type { TransactRequest } from './service.js';

let cluster: InProcessCluster;
beforeAll(async () => {
  cluster = await InProcessCluster.start();
});
beforeEach(() => cluster.restore());
afterAll(() => cluster.stop());

const at = (node: string, request: Partial<TransactRequest>) =>
  cluster.keyspace(node).transact(oneShot(request));

describe('point reads', () => {
  it('are refused when the values are more than one answer holds, and answered below that', async () => {
    const names = ['v1', 'v2', 'v3', 'v4', 'v5'];
    const set = (name: string) =>
      ({
        kind: 'set',
        key: key(name),
        bytes: Buffer.alloc(limits.valueBytesMax),
        contentType: 'a/b',
      }) as const;
    for (const name of names) {
      valueOf(await at('home', { mutations: [{ ...set(name), ttlMs: undefined }] }));
    }
    const freshness = { causal: false, token: undefined, timeoutMs: 1000 };
    const read = (count: number) => cluster.keyspace('home').read(names.slice(0, count).map(key), freshness);
    expect(valueOf(await read(4)).values).toHaveLength(4);
    expect(failureOf(await read(5))).toMatchObject({
      code: 'TRANSACTION_TOO_LARGE',
      outcome: 'not-committed',
    });
  });
});

describe('without mutations', () => {
  it('reads and checks hold at the snapshot, with the sequencer cut off', async () => {
    const { seqno: v } = valueOf(await at('home', { mutations: [put('there', 'x')] }));
    await cluster.settled();
    await cluster.cutOff('east');
    const reads = [{ kind: 'key', key: key('there') }] as const;
    const checks = [atVersion('there', v), present('there'), absent('not there')];
    const committed = valueOf(await at('east', { reads, checks }));
    expect(committed).toMatchObject({ seqno: v, results: [] });
    expect(committed.reads[0]).toMatchObject({ kind: 'key', value: { version: v } });
  });

  it('a check that fails is told at once, with the actual version, with the sequencer cut off', async () => {
    const { seqno: v } = valueOf(await at('home', { mutations: [put('there', 'y')] }));
    await cluster.settled();
    await cluster.cutOff('east');
    const failure = failureOf(await at('east', { checks: [absent('there')] }));
    const checks = [{ key: 'there', expected: 'absent', actual: v }];
    expect(failure).toMatchObject({ code: 'CHECK_FAILED', outcome: 'not-committed', details: { checks } });
  });

  it('with the causal flag and no sequencer it is an error, never an old answer', async () => {
    await cluster.cutOff('east');
    const failure = failureOf(await at('east', { ...causal, reads: [{ kind: 'key', key: key('a') }] }));
    expect(failure).toMatchObject({ code: 'CAUSAL_READ_TIMEOUT', outcome: 'not-committed' });
  });

  it('mutations without a sequencer are refused, certainly for a first attempt only', async () => {
    await cluster.cutOff('east');
    const mutations = [put('a')];
    expect(failureOf(await at('east', { mutations }))).toMatchObject({
      code: 'SEQUENCER_UNAVAILABLE',
      outcome: 'not-committed',
    });
    expect(failureOf(await at('east', { mutations, mayBeRetry: true }))).toMatchObject({
      code: 'SEQUENCER_UNAVAILABLE',
      outcome: 'unknown',
    });
  });
});

it('a read-only transaction reads one snapshot while others write, and never aborts for it', async () => {
  valueOf(await at('home', { mutations: [put('x', '0'), put('y', '0')] }));
  await cluster.settled();
  let writing = true;
  const writer = (async () => {
    for (let n = 1; writing; n++)
      valueOf(await at('home', { mutations: [put('x', `${n}`), put('y', `${n}`)] }));
  })();
  const reads = [key('x'), key('y')].map((read) => ({ kind: 'key', key: read }) as const);
  const pairs = new Set<number | undefined>();
  for (let n = 0; n < 100; n++) {
    const [x, y] = valueOf(await at('east', { ...causal, reads })).reads;
    expect(x?.kind === 'key' && x.value?.version).toBe(y?.kind === 'key' && y.value?.version);
    if (x?.kind === 'key') pairs.add(x.value?.version);
  }
  writing = false;
  await writer;
  expect(pairs.size).toBeGreaterThan(1);
});
