import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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
  textOf,
  valueOf,
} from '../../test/support/requests.js';
import type { Result } from '../model/errors.js';
import { mintKeyspaceId, nodeId, type TransactionId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { mintTransactionId } from '../model/transaction-id.js';
import { StoreClosed } from '../storage/store.js';
import type { TransactRequest } from './service.js';

let cluster: InProcessCluster;
beforeEach(async () => {
  cluster = await InProcessCluster.start();
});
afterEach(() => cluster.stop());

const nodes = ['home', 'east', 'west'];

function mint(offsetMs = 0): TransactionId {
  const { clock, random } = cluster.runtime;
  return mintTransactionId(clock.nowMs() + offsetMs, random.bytes(10), nodeId('east'));
}

it('while a store cannot be read, the state of an id is unknown there and its rollback says so', async () => {
  const id = mint();
  const { store } = cluster.parts('east');
  const unreadable = vi.spyOn(store, 'outcome').mockImplementation(() => {
    throw new StoreClosed('the store recovers');
  });
  expect(cluster.keyspace('east').transactionState(id)).toEqual({ state: 'unknown' });
  const failure = failureOf(await cluster.keyspace('east').rollback(id));
  expect(failure).toMatchObject({ code: 'NODE_NOT_READY', outcome: 'unknown' });
  unreadable.mockRestore();
  expect(valueOf(await cluster.keyspace('east').rollback(id))).toMatchObject({ state: 'aborted' });
});

/** What may be a retry under an id, as with an Idempotency-Key. */
const asRetry = (node: string, id: TransactionId, request: Partial<TransactRequest> = {}) =>
  cluster.keyspace(node).transact(oneShot({ id, mayBeRetry: true, mutations: [add('n')], ...request }));

async function counted(): Promise<string | undefined> {
  return textOf(valueOf(await cluster.keyspace('west').read([key('n')], causal)).values[0]);
}

async function stateEverywhere(id: TransactionId) {
  await cluster.settled();
  return nodes.map((node) => cluster.keyspace(node).transactionState(id));
}

describe('an id that was never seen', () => {
  it.each(['commit', 'rollback'] as const)(
    'is resolved by %s to a tombstone, in every region, and never commits afterwards',
    async (word) => {
      const id = mint();
      expect(await stateEverywhere(id)).toEqual(nodes.map(() => ({ state: 'unknown' })));
      const answer: Result<unknown> = await cluster.keyspace('east')[word](id);
      if (word === 'rollback') expect(valueOf(answer)).toMatchObject({ state: 'aborted' });
      else {
        const { code, outcome, details } = failureOf(answer);
        expect({ code, outcome, tombstone: details['tombstone'] }).toEqual({
          ...{ code: 'TRANSACTION_ABORTED', outcome: 'not-committed', tombstone: true },
        });
      }
      const aborted = { state: 'aborted', code: 'TRANSACTION_ABORTED', conflict: undefined };
      expect(await stateEverywhere(id)).toEqual(nodes.map(() => aborted));
      for (const node of nodes) {
        const failure = failureOf(await asRetry(node, id, { mutations: [add('n', 5n)], content: [node] }));
        expect(failure).toMatchObject({ code: 'TRANSACTION_ABORTED', outcome: 'not-committed' });
      }
      expect(await counted()).toBeUndefined();
    },
  );

  it('is unknown to who cannot ask, never aborted', async () => {
    const id = mint();
    cluster.network.cut('home', 'east');
    await eventually(() => !cluster.status('east').writable);
    expect(failureOf(await cluster.keyspace('east').commit(id))).toMatchObject({ outcome: 'unknown' });
    expect(cluster.keyspace('east').transactionState(id)).toEqual({ state: 'unknown' });
  });

  it('is refused when it is too old or too far ahead, with an outcome that is unknown', async () => {
    const old = failureOf(await asRetry('east', mint(-limits.outcomesMsMax - 60_000)));
    expect(old).toMatchObject({ code: 'TRANSACTION_ID_TOO_OLD', outcome: 'unknown' });
    const ahead = failureOf(await asRetry('east', mint(2 * limits.idAheadMsMax)));
    expect(ahead).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'unknown' });
    expect(await counted()).toBeUndefined();
  });
});

it('a transaction that is open here and was resolved elsewhere is aborted, in every region', async () => {
  const { id } = valueOf(
    await cluster.keyspace('east').begin({ ...local, isolation: 'serializable', idleTimeoutMs: undefined }),
  );
  expect(cluster.keyspace('east').transactionState(id)).toMatchObject({ state: 'open' });
  expect(valueOf(await cluster.keyspace('west').rollback(id))).toMatchObject({ state: 'aborted' });
  const aborted = { state: 'aborted', code: 'TRANSACTION_ABORTED', conflict: undefined };
  expect(await stateEverywhere(id)).toEqual(nodes.map(() => aborted));
});

describe('an interactive transaction that has ended here', () => {
  it('by rollback never commits: COMMIT leaves a tombstone, which every region knows', async () => {
    const { id } = valueOf(
      await cluster
        .keyspace('east')
        .begin({ ...causal, isolation: 'serializable', idleTimeoutMs: undefined }),
    );
    valueOf(await cluster.keyspace('east').rollback(id));
    const failure = failureOf(await cluster.keyspace('east').commit(id));
    expect(failure).toMatchObject({ code: 'TRANSACTION_FINISHED', outcome: 'not-committed' });
    expect(await stateEverywhere(id)).toEqual(nodes.map(() => expect.objectContaining({ state: 'aborted' })));
    expect(failureOf(await asRetry('west', id))).toMatchObject({ outcome: 'not-committed' });
    expect(await counted()).toBeUndefined();
  });

  it('is told apart from one whose COMMIT was refused before it was taken, which can be asked again', async () => {
    const t = valueOf(
      await cluster
        .keyspace('east')
        .begin({ ...causal, isolation: 'serializable', idleTimeoutMs: undefined }),
    );
    valueOf(await t.mutate(add('n')));
    cluster.node('east').drain();
    expect(failureOf(await cluster.keyspace('east').commit(t.id)).code).toBe('NODE_NOT_READY');
    expect(cluster.keyspace('east').transactionState(t.id)).toMatchObject({ state: 'open' });
  });
});

describe('the same id again', () => {
  it('in every region returns the first outcome with its results, and commits once', async () => {
    const id = mint();
    const first = valueOf(await asRetry('east', id));
    await cluster.settled();
    for (const node of nodes) {
      const { gtid, results } = valueOf(await asRetry(node, id));
      expect({ gtid, results }).toEqual({ gtid: first.gtid, results: [1n] });
      expect(cluster.keyspace(node).transactionState(id)).toMatchObject({ state: 'committed', gtid });
    }
    expect(await counted()).toBe('1');
  });

  it('at the same time in every region commits once, with one answer', async () => {
    const id = mint();
    const answers = await Promise.all([...nodes, ...nodes].map((node) => asRetry(node, id)));
    expect(new Set(answers.map((answer) => valueOf(answer).gtid)).size).toBe(1);
    expect(await counted()).toBe('1');
  });

  it('with another content is reused, with the outcome of the id, in every region', async () => {
    const id = mint();
    const { gtid } = valueOf(await asRetry('east', id));
    for (const node of nodes) {
      const failure = failureOf(await asRetry(node, id, { mutations: [add('n', 2n)] }));
      const reused = {
        code: 'TRANSACTION_ID_REUSED',
        outcome: 'committed',
        details: { transactionId: id, gtid },
      };
      expect(failure).toMatchObject(reused);
    }
    expect(await counted()).toBe('1');
  });

  it('with another content names the commit of the id, and the answer is not older than that', async () => {
    const id = mint();
    cluster.network.hold('home', 'east', 'entries');
    const { gtid } = valueOf(await asRetry('home', id));
    const failure = failureOf(await asRetry('east', id, { mutations: [add('n', 2n)] }));
    expect(failure).toMatchObject({ code: 'TRANSACTION_ID_REUSED', outcome: 'committed', token: gtid });
  });

  it('that was refused by a check stays refused, also when the check would hold now', async () => {
    const id = mint();
    valueOf(await cluster.keyspace('home').transact(oneShot({ mutations: [put('taken')] })));
    const checks = [{ key: key('taken'), expect: 'absent' as const }];
    const failed = { code: 'CHECK_FAILED', outcome: 'not-committed' };
    await cluster.settled();
    expect(failureOf(await asRetry('east', id, { checks }))).toMatchObject(failed);
    valueOf(
      await cluster
        .keyspace('home')
        .transact(oneShot({ mutations: [{ kind: 'delete', key: key('taken') }] })),
    );
    await cluster.settled();
    for (const node of nodes) expect(failureOf(await asRetry(node, id, { checks }))).toMatchObject(failed);
    const other = failureOf(await asRetry('west', id, { checks: [], content: ['another'] }));
    expect(other).toMatchObject({ code: 'TRANSACTION_ID_REUSED', outcome: 'unknown' });
    expect(await counted()).toBeUndefined();
  });
});

it('a rollback answers what became of the id, whatever its tombstone says and before its entry has come', async () => {
  const id = mint();
  cluster.network.hold('home', 'east', 'entries');
  const checks = [{ key: key('nothing'), expect: 'present' as const }];
  expect(failureOf(await asRetry('home', id, { checks })).code).toBe('CHECK_FAILED');
  const state = valueOf(await cluster.keyspace('east').rollback(id));
  expect(state).toMatchObject({ state: 'aborted', code: 'CHECK_FAILED' });
});

describe('a node that cannot vouch for an outcome says that it is unknown', () => {
  it('because its history differs from the log', async () => {
    const id = mint();
    valueOf(await asRetry('east', id));
    await cluster.stopNode('home');
    cluster.replaceDisk('home');
    await cluster.beginHistory('home', mintKeyspaceId(Buffer.alloc(16, 9)));
    await cluster.startNode('home');
    await eventually(() => cluster.status('east').state === 'inconsistent');
    expect(cluster.keyspace('east').transactionState(id)).toEqual({ state: 'unknown' });
  });

  it('because its store is being reopened, and knows it afterwards', async () => {
    const id = mint();
    const { gtid } = valueOf(await asRetry('east', id));
    const disk = cluster.disk('east');
    disk.faults.push('lost');
    for (let opens = 0; opens < 1000; opens++) disk.openFaults.push(new Error('too many open files'));
    valueOf(await asRetry('home', mint()));
    await eventually(() => disk.openFaults.length < 1000);
    expect(cluster.keyspace('east').transactionState(id)).toEqual({ state: 'unknown' });
    disk.openFaults.length = 0;
    await cluster.settled();
    expect(cluster.keyspace('east').transactionState(id)).toMatchObject({ state: 'committed', gtid });
  });
});

describe('an answer that got lost', () => {
  it('with the submission: COMMIT is unknown in time, the node goes on, and a retry elsewhere commits it once', async () => {
    const id = mint();
    cluster.network.hold('east', 'home', 'certify');
    const failure = failureOf(await asRetry('east', id));
    expect(failure).toMatchObject({
      code: 'COMMIT_OUTCOME_UNKNOWN',
      outcome: 'unknown',
      details: { transactionId: id },
    });
    const { gtid } = valueOf(await asRetry('west', id));
    cluster.network.release('east', 'home', 'certify');
    expect(valueOf(await asRetry('east', id)).gtid).toBe(gtid);
    expect(await counted()).toBe('1');
  });

  it('with the connection, after the sequencer had taken it: it is submitted again and commits once', async () => {
    const id = mint();
    cluster.network.hold('home', 'east', 'entries');
    const committing = asRetry('east', id);
    await eventually(() => cluster.status('home').applied === 1);
    cluster.network.drop('east', 'home', 'certify');
    cluster.network.drop('home', 'east', 'entries');
    expect(valueOf(await committing).results).toEqual([1n]);
    expect(await counted()).toBe('1');
  });

  it('with the connection, before it arrived: the next stream carries it, and an abort rests on a tombstone', async () => {
    const losing = cluster.keyspace('east');
    const t = valueOf(await losing.begin({ ...causal, isolation: 'serializable', idleTimeoutMs: undefined }));
    valueOf(await t.get(key('read')));
    valueOf(await t.mutate(put('written')));
    cluster.network.hold('east', 'home', 'certify');
    const committing = losing.commit(t.id);
    await eventually(() => cluster.network.waiting('east', 'home', 'certify') > 0);
    const winner = valueOf(
      await cluster.keyspace('home').transact(oneShot({ mutations: [put('read')] })),
    ).gtid;
    cluster.network.drop('east', 'home', 'certify');
    const failure = failureOf(await committing);
    expect(failure).toMatchObject({
      code: 'CERTIFICATION_CONFLICT',
      outcome: 'not-committed',
      token: winner,
    });
    const aborted = { state: 'aborted', code: 'CERTIFICATION_CONFLICT' };
    for (const state of await stateEverywhere(t.id)) expect(state).toMatchObject(aborted);
  });

  it('with the home, before it took it: a retry in another region commits once, after the home is back', async () => {
    const id = mint();
    cluster.network.hold('east', 'home', 'certify');
    const first = asRetry('east', id);
    await eventually(() => cluster.network.waiting('east', 'home', 'certify') > 0);
    await cluster.stopNode('home');
    expect(failureOf(await asRetry('west', id))).toMatchObject({
      code: 'SEQUENCER_UNAVAILABLE',
      outcome: 'unknown',
    });
    cluster.network.drop('east', 'home', 'certify');
    await cluster.startNode('home');
    await cluster.writable();
    const { gtid, results } = valueOf(await asRetry('west', id));
    expect(results).toEqual([1n]);
    expect(valueOf(await first).gtid).toBe(gtid);
    expect(await counted()).toBe('1');
  });

  it('with the home, after it took it: every region learns the first outcome, after the home is back', async () => {
    const id = mint();
    for (const node of ['east', 'west']) cluster.network.hold('home', node, 'entries');
    const first = asRetry('east', id);
    await eventually(() => cluster.status('home').applied === 1);
    await cluster.stopNode('home');
    for (const node of ['east', 'west']) cluster.network.drop('home', node, 'entries');
    await cluster.startNode('home');
    await cluster.writable();
    const { gtid } = valueOf(await asRetry('west', id));
    const answer = await first;
    if (answer.ok) expect(answer.value.gtid).toBe(gtid);
    else expect(answer.failure).toMatchObject({ code: 'COMMIT_OUTCOME_UNKNOWN' });
    expect(valueOf(await asRetry('east', id))).toMatchObject({ gtid, results: [1n] });
    expect(await counted()).toBe('1');
    expect(await cluster.stateHashes()).toHaveLength(1);
  });

  it('of an interactive COMMIT: COMMIT again finds out', async () => {
    const east = cluster.keyspace('east');
    const t = valueOf(await east.begin({ ...causal, isolation: 'serializable', idleTimeoutMs: undefined }));
    valueOf(await t.mutate(add('n')));
    cluster.network.hold('home', 'east', 'entries');
    expect(failureOf(await east.commit(t.id))).toMatchObject({
      code: 'COMMIT_OUTCOME_UNKNOWN',
      outcome: 'unknown',
    });
    expect(east.transactionState(t.id)).toEqual({ state: 'unknown' });
    cluster.network.release('home', 'east', 'entries');
    expect(valueOf(await east.commit(t.id)).results).toEqual([1n]);
    expect(valueOf(await cluster.keyspace('west').commit(t.id)).results).toEqual([1n]);
    expect(await counted()).toBe('1');
  });
});
