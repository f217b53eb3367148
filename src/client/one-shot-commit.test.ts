import { beforeEach, describe, expect, it } from 'vitest';
import { ClientWorld, rejection } from '../../test/support/client-world.js';
import { committed, gtidOf, type Received, type ScriptedNode } from '../../test/support/scripted-node.js';
import type { TransactMessage } from '../transport/public-api/messages.js';
import type { Client } from './client.js';
import { CheckFailedError, ConflictError, OutcomeUnknownError, UnavailableError } from './errors.js';

let world: ClientWorld;
let near: ScriptedNode;
let far: ScriptedNode;
let client: Client;

beforeEach(async () => {
  world = new ClientWorld();
  near = world.node('near');
  far = world.node('far', { roundTripMs: 80 });
  client = await world.open();
});

/** The nth submission that a node has received. */
async function submission(
  node: ScriptedNode,
  nth = 0,
): Promise<Received & { readonly method: TransactMessage }> {
  await world.until(() => node.of('transact').length > nth);
  return node.of('transact')[nth]!;
}

it('mints a UUIDv7 of the server time and sends it as attempt 1', async () => {
  const done = client.set('k', 1);
  const { method, reply } = await submission(near);
  expect(method.transactionId).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  const idMs = Number.parseInt(method.transactionId.replaceAll('-', '').slice(0, 12), 16);
  expect(idMs - near.serverTimeMs).toBeGreaterThanOrEqual(0);
  expect(idMs - near.serverTimeMs).toBeLessThanOrEqual(world.time.clock.monotonicMs());
  expect(method.attempt).toBe(1);
  reply(committed(method.transactionId, 7));
  expect(await world.done(done)).toEqual({
    transactionId: method.transactionId,
    gtid: gtidOf(7),
    version: 7,
    results: [null],
  });
});

describe('after a connection that broke', () => {
  it('sends the same id elsewhere as attempt 2, and takes its outcome', async () => {
    const done = client.set('k', 1);
    const first = await submission(near);
    world.dialler.kill('near');
    const second = await submission(far);
    expect(second.method).toMatchObject({ transactionId: first.method.transactionId, attempt: 2 });
    expect(second.method.mutations).toEqual(first.method.mutations);
    second.reply(committed(second.method.transactionId, 9));
    expect((await world.done(done)).gtid).toBe(gtidOf(9));
  });

  it('believes no abort without a tombstone, and asks the same id again', async () => {
    const done = client.set('k', 1, { isolation: 'snapshot' });
    const { method } = await submission(near);
    world.dialler.kill('near');
    (await submission(far)).fail('CERTIFICATION_CONFLICT', { details: { tombstone: false } });
    const third = await submission(far, 1);
    expect(third.method).toMatchObject({ transactionId: method.transactionId, attempt: 3 });
    third.reply(committed(method.transactionId, 3));
    await world.done(done);
  });

  it('tries under a new id, from attempt 1, only behind a tombstone', async () => {
    const done = client.set('k', 1, { isolation: 'snapshot' });
    const { method } = await submission(near);
    world.dialler.kill('near');
    (await submission(far)).fail('TRANSACTION_ABORTED', { details: { tombstone: true } });
    const anew = await submission(far, 1);
    expect(anew.method.transactionId).not.toBe(method.transactionId);
    expect(anew.method.attempt).toBe(1);
    anew.reply(committed(anew.method.transactionId, 3));
    await world.done(done);
  });

  it.each(['SEQUENCER_UNAVAILABLE', 'OVERLOADED', 'COMMIT_OUTCOME_UNKNOWN', 'NODE_NOT_READY', 'INTERNAL'])(
    'goes on with the id after %s that says unknown',
    async (code) => {
      const done = client.set('k', 1);
      const { method } = await submission(near);
      world.dialler.break('near');
      await world.until(() => near.of('transact').length + far.of('transact').length > 1);
      const second = far.of('transact')[0] ?? near.of('transact')[1]!;
      second.fail(code, { outcome: 'unknown' });
      await world.until(() => near.of('transact').length + far.of('transact').length > 2);
      const all = [...near.of('transact'), ...far.of('transact')];
      expect(new Set(all.map((call) => call.method.transactionId))).toEqual(new Set([method.transactionId]));
      expect(all.map((call) => call.method.attempt).sort()).toEqual([1, 2, 3]);
      all.find((call) => call.method.attempt === 3)!.reply(committed(method.transactionId, 4));
      await world.done(done);
    },
  );
});

it('believes a first attempt that says not-committed, without a tombstone', async () => {
  const failed = rejection(client.check('k', 1).set('k', 2).commit());
  (await submission(near)).fail('CHECK_FAILED', {
    details: { tombstone: false, checks: [{ key: 'k', expected: 1, actual: 2 }] },
  });
  const error = await world.done(failed);
  expect(error).toBeInstanceOf(CheckFailedError);
  expect(error).toMatchObject({ outcome: 'not-committed', checks: [{ key: 'k', expected: 1, actual: 2 }] });
  expect(near.of('transact')).toHaveLength(1);
});

it('goes on after an answer that the outcome is unknown, elsewhere, under the same id', async () => {
  const done = client.set('k', 1);
  (await submission(near)).fail('COMMIT_OUTCOME_UNKNOWN', { outcome: 'unknown' });
  const second = await submission(far);
  expect(second.method).toMatchObject({
    transactionId: near.of('transact')[0]!.method.transactionId,
    attempt: 2,
  });
  second.reply(committed(second.method.transactionId, 2));
  await world.done(done);
});

it('numbers no attempt that was never sent', async () => {
  world.dialler.kill('near');
  world.dialler.kill('far');
  await world.pass(10);
  const done = client.set('k', 1);
  await world.pass(500);
  near = world.node('near');
  const { method, reply } = await submission(near);
  expect(method.attempt).toBe(1);
  reply(committed(method.transactionId, 1));
  await world.done(done);
});

describe('after a conflict', () => {
  it('begins anew under a new id, with the winner as its token', async () => {
    const done = client.set('k', 1, { isolation: 'snapshot' });
    const { method, fail } = await submission(near);
    fail('CERTIFICATION_CONFLICT', {
      token: gtidOf(41),
      details: { conflict: { key: 'k', gtid: gtidOf(41) } },
    });
    const second = await submission(near, 1);
    expect(second.method.transactionId).not.toBe(method.transactionId);
    expect(second.method.attempt).toBe(1);
    expect(second.method.freshness.token).toBe(gtidOf(41));
    second.reply(committed(second.method.transactionId, 42));
    await world.done(done);
  });

  it('waits a jittered time that grows and is bounded', async () => {
    world.fraction = 0.999;
    near.answer = () => undefined;
    const done = rejection(client.set('k', 1, { isolation: 'snapshot', maxAttempts: 12, timeoutMs: 60_000 }));
    const waits: number[] = [];
    for (let nth = 0; nth < 12; nth++) {
      const before = world.time.clock.monotonicMs();
      const { fail } = await submission(near, nth);
      if (nth > 0) waits.push(world.time.clock.monotonicMs() - before);
      fail('CERTIFICATION_CONFLICT');
    }
    const error = await world.done(done);
    expect(error).toBeInstanceOf(ConflictError);
    expect(near.of('transact')).toHaveLength(12);
    expect(waits.slice(0, 4)).toEqual([...waits.slice(0, 4)].sort((a, b) => a - b));
    expect(Math.max(...waits)).toBeLessThanOrEqual(1010);
    expect(waits.at(-1)).toBeGreaterThan(900);
  });
});

it('waits as long as an overloaded node asks, and tries it again', async () => {
  const done = client.set('k', 1);
  (await submission(near)).fail('OVERLOADED', { details: { retryAfterMs: 700 } });
  await world.pass(690);
  expect(near.of('transact')).toHaveLength(1);
  const second = await submission(near, 1);
  second.reply(committed(second.method.transactionId, 1));
  await world.done(done);
});

it('asks another node for a keyspace that its node does not serve', async () => {
  const done = client.set('k', 1);
  (await submission(near)).fail('NODE_NOT_READY', { details: { state: 'joining' } });
  const second = await submission(far);
  expect(second.method.attempt).toBe(1);
  second.reply(committed(second.method.transactionId, 1));
  await world.done(done);
  const other = client.keyspace('eu').set('k', 1);
  await world.until(() => near.of('transact').length === 2);
  near.of('transact')[1]!.reply(committed('id', 1));
  await world.done(other);
});

describe('at the end of its time', () => {
  it('says that the outcome is unknown when it was sent', async () => {
    const failed = rejection(client.set('k', 1, { timeoutMs: 300 }));
    const { method } = await submission(near);
    const error = await world.done(failed);
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ outcome: 'unknown', transactionId: method.transactionId });
    expect(near.cancels).toBe(1);
  });

  it('says that nothing was committed when every try was refused', async () => {
    near.answer = far.answer = (method) =>
      method.kind === 'transact'
        ? { kind: 'failure', failure: { ...refused, detailsJson: '{}' } }
        : undefined;
    const error = await world.done(rejection(client.set('k', 1, { timeoutMs: 300 })));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'SEQUENCER_UNAVAILABLE', outcome: 'not-committed' });
    const all = [...near.of('transact'), ...far.of('transact')];
    expect(all.every(({ method }) => method.attempt === 1)).toBe(true);
    expect(new Set(all.map(({ method }) => method.transactionId)).size).toBe(all.length);
  });
});

const refused = {
  code: 'SEQUENCER_UNAVAILABLE',
  message: 'no sequencer',
  outcome: 'not-committed',
  retry: 'later',
  token: '',
};

describe('an abort signal', () => {
  it('before sending: nothing has happened', async () => {
    const abort = new AbortController();
    const failed = rejection(client.set('k', 1, { signal: abort.signal }));
    abort.abort(new Error('enough'));
    expect(await world.done(failed)).toMatchObject({ message: 'enough' });
    await world.pass(10);
    expect(near.of('transact')).toHaveLength(0);
  });

  it('after sending: the outcome is unknown, and the error names the id', async () => {
    const abort = new AbortController();
    const failed = rejection(client.set('k', 1, { signal: abort.signal }));
    const { method } = await submission(near);
    abort.abort(new Error('enough'));
    const error = await world.done(failed);
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ transactionId: method.transactionId, cause: { message: 'enough' } });
  });
});

it('throws a refusal that proves nothing as an unknown outcome, with the refusal as its cause', async () => {
  const failed = rejection(client.set('k', 1));
  await submission(near);
  world.dialler.kill('near');
  (await submission(far)).fail('TRANSACTION_ID_TOO_OLD', { outcome: 'unknown' });
  const error = await world.done(failed);
  expect(error).toBeInstanceOf(OutcomeUnknownError);
  expect(error).toMatchObject({ cause: { code: 'TRANSACTION_ID_TOO_OLD' } });
});

it('sends nothing for a value that no node would take', async () => {
  expect(await rejection(client.set('k', new Uint8Array(1024 * 1024)))).toMatchObject({
    code: 'VALUE_TOO_LARGE',
  });
  expect(await rejection(client.set('k'.repeat(3000), 1))).toMatchObject({ code: 'KEY_TOO_LARGE' });
  expect(await rejection(client.set('k', 5n))).toBeInstanceOf(TypeError);
  expect(await rejection(client.set('k', undefined))).toBeInstanceOf(TypeError);
});

it('mints the id when it is sent: one that waited in vain has the time of the node that takes it', async () => {
  const small = new ClientWorld();
  const node = small.node('small', { callsMax: 3 });
  const patient = await small.open();
  const first = patient.set('first', 1);
  const done = patient.set('second', 2);
  await small.until(() => node.of('transact').length === 1);
  node.serverTimeMs += 48 * 3_600_000;
  small.dialler.break('small');
  await small.until(() => node.of('transact').length === 2);
  const sent = node.of('transact');
  sent.slice(1).forEach(({ method, reply }) => reply(committed(method.transactionId, 5)));
  await small.until(() => node.of('transact').length === 3);
  const { method, reply } = node
    .of('transact')
    .find((call) => (call.method.mutations[0] as { key?: string }).key === 'second')!;
  const idMs = Number.parseInt(method.transactionId.replaceAll('-', '').slice(0, 12), 16);
  expect(method.attempt).toBe(1);
  expect(idMs).toBeGreaterThanOrEqual(node.serverTimeMs);
  reply(committed(method.transactionId, 6));
  await small.done(Promise.all([first, done]));
});
