import { beforeEach, describe, expect, it } from 'vitest';
import { ClientWorld, rejection } from '../../test/support/client-world.js';
import type { ScriptedNode } from '../../test/support/scripted-node.js';
import { committed, gtidOf, type Received } from '../../test/support/scripted-node.js';
import type { Method, ReplyResult, StateReply } from '../transport/public-api/messages.js';
import type { Client } from './client.js';
import { CheckFailedError, ConflictError, OutcomeUnknownError } from './errors.js';
import type { Transaction } from './transaction.js';

let world: ClientWorld;
let near: ScriptedNode;
let far: ScriptedNode;
let client: Client;

beforeEach(async () => {
  world = new ClientWorld();
  near = world.node('near');
  far = world.node('far', { roundTripMs: 80 });
  near.answer = answering('near');
  far.answer = answering('far');
  client = await world.open();
});

/** Begins transactions and answers reads of keys: each key holds its own name, at version 1. */
function answering(name: string): (method: Method) => ReplyResult | undefined {
  let begun = 0;
  return (method) => {
    if (method.kind === 'begin') {
      begun += 1;
      return { kind: 'begin', reply: { transactionId: `${name}-${begun}`, snapshot: gtidOf(10) } };
    }
    if (method.kind !== 'operate') return undefined;
    const reads = method.reads.map((read) => {
      if (read.kind !== 'key' || read.key.startsWith('absent')) return { entries: [], rest: undefined };
      const bytes = Buffer.from(JSON.stringify(read.key));
      const value = {
        version: 1 as never,
        value: { kind: 'bytes' as const, bytes, contentType: 'application/json' },
        expiresAtMs: undefined,
      };
      return { entries: [{ key: read.key, value }], rest: undefined };
    });
    return { kind: 'operate', reply: { reads } };
  };
}

async function received<K extends Method['kind']>(
  node: ScriptedNode,
  kind: K,
  nth = 0,
): Promise<Received<Extract<Method, { kind: K }>>> {
  await world.until(() => node.of(kind).length > nth);
  return node.of(kind)[nth]!;
}

function commitReply(transactionId: string, seqno: number): ReplyResult {
  return { kind: 'commit', reply: { transactionId, gtid: gtidOf(seqno), results: [null] } };
}

const state = (reply: StateReply): ReplyResult => ({ kind: 'state', reply });

/** A transaction that reads and writes, and how often it ran. */
function readAndWrite() {
  const runs: string[] = [];
  const body = async (tx: Transaction): Promise<string> => {
    const entry = await tx.get<string>('a');
    runs.push(entry!.value);
    tx.set('b', 1);
    return 'done';
  };
  return { runs, body };
}

it('sends nothing before the first read, and a transaction without one as a one-shot', async () => {
  const done = client.transact((tx) => {
    tx.set('a', 1);
    tx.sum('n', 2);
  });
  const { method, reply } = await received(near, 'transact');
  expect(near.calls).toHaveLength(1);
  expect(method.mutations.map(({ kind }) => kind)).toEqual(['set', 'sum']);
  reply(committed(method.transactionId, 11, [null, 2n]));
  expect(await world.done(done)).toMatchObject({ gtid: gtidOf(11), results: [null, 2n], value: undefined });
});

it('sends nothing at all for a transaction that does nothing', async () => {
  expect(await world.done(client.transact(() => 'v'))).toMatchObject({ value: 'v' });
  expect(near.calls).toHaveLength(0);
});

it('begins with the first read, with the causality token', async () => {
  client.causality.import({ default: gtidOf(5) });
  const done = client.transact((tx) => tx.get('a'), { causal: true, isolation: 'snapshot' });
  const begin = await received(near, 'begin');
  expect(begin.method).toMatchObject({
    isolation: 'snapshot',
    freshness: { causal: true, token: gtidOf(5) },
  });
  const { value, gtid } = await world.done(done);
  expect(value).toMatchObject({ key: 'a', value: 'a', version: 1 });
  expect(gtid).toBe(gtidOf(10));
  expect(client.causality.token('default')).toBe(gtidOf(10));
});

it('commits nothing when it has only read, and gives the transaction back', async () => {
  await world.done(client.transact((tx) => tx.get('a')));
  await world.pass(1);
  expect(near.calls.map(({ method }) => method.kind)).toEqual(['begin', 'operate', 'rollback']);
});

it('sends writes with the next read, those made before it and no others, and the last with COMMIT', async () => {
  const done = client.transact(async (tx) => {
    tx.set('w1', 1);
    const both = Promise.all([tx.get('a'), tx.get('b')]);
    tx.set('w2', 2);
    const late = tx.get('c');
    tx.set('w3', 3);
    await Promise.all([both, late]);
    tx.set('w4', 4);
  });
  const commit = await received(near, 'commit');
  const keysOf = (mutations: readonly { kind: string }[]) =>
    mutations.map((m) => (m as unknown as { key: string }).key);
  const operates = near.of('operate').map(({ method }) => [keysOf(method.mutations), keysOf(method.reads)]);
  expect(operates).toEqual([
    [['w1'], ['a', 'b']],
    [['w2'], ['c']],
  ]);
  expect(keysOf(commit.method.mutations)).toEqual(['w3', 'w4']);
  commit.reply(commitReply('near-1', 12));
  expect(await world.done(done)).toMatchObject({ transactionId: 'near-1', gtid: gtidOf(12) });
});

it('runs the function again after a conflict, at a snapshot that has seen the winner', async () => {
  const { runs, body } = readAndWrite();
  const done = client.transact(body);
  const first = await received(near, 'commit');
  first.fail('CERTIFICATION_CONFLICT', { token: gtidOf(77), details: { tombstone: false } });
  const second = await received(near, 'commit', 1);
  expect(near.of('begin')[1]!.method.freshness.token).toBe(gtidOf(77));
  expect(second.method.transactionId).toBe('near-2');
  second.reply(commitReply('near-2', 78));
  expect(await world.done(done)).toMatchObject({ value: 'done', runs: 2 });
  expect(runs).toHaveLength(2);
  expect(near.of('rollback')).toHaveLength(0);
});

it('gives up after maxAttempts conflicts with the last of them', async () => {
  const { runs, body } = readAndWrite();
  const failed = rejection(client.transact(body, { maxAttempts: 3 }));
  for (let nth = 0; nth < 3; nth++) (await received(near, 'commit', nth)).fail('CERTIFICATION_CONFLICT');
  expect(await world.done(failed)).toBeInstanceOf(ConflictError);
  expect(runs).toHaveLength(3);
});

it('runs again when an operation says that it is doomed, also when the function hides that', async () => {
  let runs = 0;
  const done = client.transact(async (tx) => {
    runs += 1;
    if (runs === 1) near.answer = (m) => (m.kind === 'operate' ? doomed : answering('near')(m));
    else near.answer = answering('again');
    await tx.get('a').catch(() => {});
    tx.set('b', runs);
  });
  const commit = await received(near, 'commit');
  commit.reply(commitReply(commit.method.transactionId, 3));
  await world.done(done);
  expect(runs).toBe(2);
});

const doomed: ReplyResult = {
  kind: 'failure',
  failure: {
    code: 'TRANSACTION_ABORTED',
    message: 'doomed',
    outcome: 'not-committed',
    retry: 'new-snapshot',
    token: '',
    detailsJson: '{}',
  },
};

it("throws the function's own error, rolls back, and does not run again", async () => {
  let runs = 0;
  const failed = rejection(
    client.transact(async (tx) => {
      runs += 1;
      await tx.get('a');
      tx.set('b', 1);
      throw new Error('mine');
    }),
  );
  expect(await world.done(failed)).toMatchObject({ message: 'mine' });
  await world.pass(1);
  expect(runs).toBe(1);
  expect(near.of('rollback').map(({ method }) => method.transactionId)).toEqual(['near-1']);
  expect(near.of('commit')).toHaveLength(0);
});

it('rolls back when its COMMIT is more than a message takes', async () => {
  const failed = rejection(
    client.transact(async (tx) => {
      await tx.get('a');
      for (let n = 0; n < 6; n++) tx.set(`large/${n}`, new Uint8Array(800 * 1024));
    }),
  );
  expect(await world.done(failed)).toMatchObject({ code: 'TRANSACTION_TOO_LARGE', outcome: 'not-committed' });
  await world.pass(1);
  expect(near.of('rollback').map(({ method }) => method.transactionId)).toEqual(['near-1']);
});

it('gives back a transaction that begins after its function has thrown', async () => {
  near.answer = (method) => (method.kind === 'begin' ? undefined : answering('near')(method));
  let read: Promise<unknown> | undefined;
  const failed = rejection(
    client.transact(async (tx) => {
      read = tx.get('a');
      await received(near, 'begin');
      throw new Error('mine');
    }),
  );
  const begin = await received(near, 'begin');
  expect(await world.done(failed)).toMatchObject({ message: 'mine' });
  begin.reply({ kind: 'begin', reply: { transactionId: 'late', snapshot: gtidOf(10) } });
  expect((await received(near, 'rollback')).method.transactionId).toBe('late');
  expect(await read).toMatchObject({ value: 'a' });
});

it('runs again at another node when its node is lost before COMMIT', async () => {
  const { runs, body } = readAndWrite();
  near.answer = (method) => (method.kind === 'operate' ? undefined : answering('near')(method));
  const done = client.transact(body);
  await received(near, 'operate');
  world.dialler.kill('near');
  const commit = await received(far, 'commit');
  commit.reply(commitReply('far-1', 20));
  await world.done(done);
  expect(runs).toEqual(['a']);
  expect(far.of('rollback')).toHaveLength(0);
});

describe('when the answer to COMMIT was lost', () => {
  async function lostCommit(options = {}) {
    const { runs, body } = readAndWrite();
    const done = client.transact(body, options);
    done.catch(() => {});
    await received(near, 'commit');
    world.dialler.kill('near');
    return { runs, done, asked: await received(far, 'rollback') };
  }

  it('asks for the outcome of the id, and returns the commit that was made', async () => {
    const { runs, done, asked } = await lostCommit();
    expect(asked.method.transactionId).toBe('near-1');
    asked.reply(
      state({ state: 'committed', commit: { transactionId: 'near-1', gtid: gtidOf(30), results: [null] } }),
    );
    expect(await world.done(done)).toMatchObject({
      transactionId: 'near-1',
      gtid: gtidOf(30),
      value: 'done',
    });
    expect(runs).toHaveLength(1);
  });

  it('runs again only once the id is proven never to commit', async () => {
    const { runs, done, asked } = await lostCommit();
    asked.fail('COMMIT_OUTCOME_UNKNOWN', { outcome: 'unknown' });
    const again = await received(far, 'rollback', 1);
    await world.pass(50);
    expect(runs).toHaveLength(1);
    again.reply(state({ state: 'unknown', node: '', httpAddress: '' }));
    const third = await received(far, 'rollback', 2);
    expect(runs).toHaveLength(1);
    third.reply(state({ state: 'aborted', code: 'TRANSACTION_ABORTED', conflict: undefined }));
    const commit = await received(far, 'commit');
    expect(runs).toHaveLength(2);
    commit.reply(commitReply('far-1', 31));
    expect(await world.done(done)).toMatchObject({ transactionId: 'far-1' });
  });

  it('never runs again while it is unknown, and says so at the end of its time', async () => {
    const { runs, done } = await lostCommit({ timeoutMs: 2000 });
    const error = await world.done(rejection(done));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ transactionId: 'near-1', outcome: 'unknown' });
    expect(runs).toHaveLength(1);
    far.answer = (method) =>
      method.kind === 'rollback'
        ? state({ state: 'aborted', code: 'TRANSACTION_ABORTED', conflict: undefined })
        : undefined;
    expect(await world.done(client.resolve('near-1'))).toMatchObject({ state: 'aborted' });
  });

  it('is unknown, and not a refusal, while the id is ahead of log time: log time reaches it', async () => {
    const { runs, done, asked } = await lostCommit();
    asked.fail('INVALID_ARGUMENT', { outcome: 'unknown' });
    const again = await received(far, 'rollback', 1);
    expect(runs).toHaveLength(1);
    again.reply(state({ state: 'aborted', code: 'TRANSACTION_ABORTED', conflict: undefined }));
    (await received(far, 'commit')).reply(commitReply('far-1', 31));
    expect(await world.done(done)).toMatchObject({ transactionId: 'far-1' });
    far.answer = () => undefined;
    const unknown = rejection(client.resolve('near-1', { timeoutMs: 500 }));
    (await received(far, 'rollback', 2)).fail('INVALID_ARGUMENT', { outcome: 'unknown' });
    expect(await world.done(unknown)).toBeInstanceOf(OutcomeUnknownError);
  });

  it('says that it is unknown when the signal ends it then', async () => {
    const abort = new AbortController();
    const { runs, done } = await lostCommit({ signal: abort.signal });
    abort.abort(new Error('enough'));
    const error = await world.done(rejection(done));
    expect(error).toMatchObject({ transactionId: 'near-1', cause: { message: 'enough' } });
    expect(runs).toHaveLength(1);
  });
});

it('a signal before COMMIT leaves nothing behind and throws its reason', async () => {
  const abort = new AbortController();
  near.answer = (method) => (method.kind === 'operate' ? undefined : answering('near')(method));
  const failed = rejection(client.transact(readAndWrite().body, { signal: abort.signal }));
  await received(near, 'operate');
  abort.abort(new Error('enough'));
  expect(await world.done(failed)).toMatchObject({ message: 'enough' });
  await world.pass(1);
  expect(near.of('rollback')).toHaveLength(1);
});

describe('a check', () => {
  it('goes with the one-shot when nothing is read', async () => {
    const done = client.transact((tx) => {
      tx.check('a', 3);
      tx.set('a', 1);
    });
    const { method, reply } = await received(near, 'transact');
    expect(method.checks).toEqual([{ key: 'a', expect: { version: 3 } }]);
    reply(committed(method.transactionId, 4));
    await world.done(done);
  });

  it('is read before the writes that follow it, and refuses the commit', async () => {
    const failed = rejection(
      client.transact(async (tx) => {
        tx.check('absent', 'present');
        tx.set('absent', 1);
        await tx.get('a');
      }),
    );
    const error = await world.done(failed);
    expect(error).toBeInstanceOf(CheckFailedError);
    expect(error).toMatchObject({ checks: [{ key: 'absent', expected: 'present', actual: null }] });
    expect(near.of('operate')[0]!.method.mutations).toEqual([]);
    expect(near.of('commit')).toHaveLength(0);
  });

  it('cannot be made of a key that the transaction has written', async () => {
    const failed = client.transact((tx) => {
      tx.set('a', 1);
      tx.check('a', 'absent');
    });
    await expect(failed).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

it('a transaction cannot be used once its function has returned', async () => {
  let kept: Transaction | undefined;
  await world.done(client.transact((tx) => void (kept = tx)));
  expect(() => kept!.set('a', 1)).toThrow(/has ended/);
  await expect(kept!.get('a')).rejects.toThrow(/has ended/);
});
