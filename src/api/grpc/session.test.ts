import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { FakeNode } from '../../../test/support/http-fake-node.js';
import { SessionClient, type SessionTestOptions } from '../../../test/support/session-client.js';
import { fail, succeed, type Result } from '../../model/errors.js';
import { seqno, type TransactionId } from '../../model/ids.js';
import type { Key } from '../../model/keys.js';
import { limits } from '../../model/limits.js';
import type { Committed } from '../../transaction/service.js';
import { RequestBytes } from './request-bytes.js';
import { createBadInputs } from '../../../test/support/grpc-bad-input.js';
import type { Method, ReplyResult } from '../../transport/public-api/messages.js';
import { defaultStreamLimits } from '../../transport/send-queue.js';

const freshness = { causal: false, token: '', timeoutMs: 0 };
const id = '01980000-0000-7000-8000-000000000001';
const key = (text: string): Key => text as Key;
const read = (...keys: string[]): Method => ({
  kind: 'read',
  keyspace: 'default',
  keys: keys.map(key),
  freshness,
});
const put = (name: string, bytes: Uint8Array = Buffer.from('x')): Method => ({
  ...{ kind: 'transact', keyspace: 'default', transactionId: '', attempt: 0, isolation: 'serializable' },
  ...{ reads: [], checks: [], freshness },
  mutations: [
    { kind: 'set', key: key(name), bytes, contentType: 'application/octet-stream', ttlMs: undefined },
  ],
});
const under = (method: Method, transactionId: string, attempt: number): Method =>
  ({ ...method, transactionId, attempt }) as Method;

function failureOf(result: ReplyResult) {
  if (result.kind !== 'failure') throw new Error(`no failure: ${result.kind}`);
  return { ...result.failure, details: JSON.parse(result.failure.detailsJson) as Record<string, unknown> };
}

let node: FakeNode;
let client: SessionClient;
const open = (options?: SessionTestOptions): SessionClient => {
  node = new FakeNode();
  client = new SessionClient(node, options);
  return client;
};
afterEach(() => client.stream.close('the test is over'));

/** A keyspace whose calls end when the test says so. */
function holdReads(): (() => void)[] {
  const held: (() => void)[] = [];
  const answer = () => succeed({ gtid: node.default.at, values: [undefined] });
  node.default.read = () => new Promise((resolve) => held.push(() => resolve(answer())));
  return held;
}

function neverCommits(): void {
  node.default.transact = () => new Promise<Result<Committed>>(() => {});
}

describe('a session', () => {
  it('begins with a welcome', async () => {
    open();
    await eventually(() => expect(client.messages).toHaveLength(1));
    expect(client.messages[0]).toEqual({
      welcome: {
        ...{ cluster: 'test', node: 'us-east-1', region: 'us-east', callsMax: limits.sessionCallsMax },
        serverTimeMs: expect.any(Number) as number,
      },
      replies: [],
    });
  });

  it('answers the calls of one message in one message, in any mix', async () => {
    open();
    client.send(
      { id: 1, method: put('a') },
      { id: 2, method: read('a') },
      { id: 3, method: { kind: 'ping' } },
    );
    await client.reply(2);
    expect(client.messages).toHaveLength(2);
    expect(client.replies.map(({ id, result }) => [id, result.kind]).sort()).toEqual([
      [1, 'transact'],
      [2, 'read'],
      [3, 'pong'],
    ]);
  });

  it('runs a transaction from begin to its state', async () => {
    open();
    const begun = await client.call(1, {
      ...{ kind: 'begin', keyspace: 'default', isolation: 'snapshot', freshness, idleTimeoutMs: 0 },
    });
    const transactionId = begun.kind === 'begin' ? begun.reply.transactionId : '';
    const named = { keyspace: 'default', transactionId };
    const mutations = [{ kind: 'sum', key: key('n'), operand: -(2n ** 62n), ttlMs: undefined }] as const;
    const operated = await client.call(2, {
      ...{ kind: 'operate', ...named, mutations },
      reads: [{ kind: 'key', key: key('absent') }],
    });
    expect(operated).toEqual({ kind: 'operate', reply: { reads: [{ entries: [], rest: undefined }] } });
    const committed = await client.call(3, { kind: 'commit', ...named, mutations: [] });
    expect(committed).toMatchObject({ kind: 'commit', reply: { transactionId, results: [-(2n ** 62n)] } });
    const state = await client.call(4, { kind: 'getTransaction', ...named });
    expect(state).toMatchObject({ kind: 'state', reply: { state: 'committed', commit: { transactionId } } });
  });

  it('lists keys alone when asked to, with the rest of the range', async () => {
    open();
    for (const name of ['a', 'b', 'c']) await client.call(name.charCodeAt(0), put(name));
    const range = { start: key('a'), end: key('z') };
    const page = { keyspace: 'default', range, limit: 2, reverse: false, keysOnly: true, freshness };
    expect(await client.call(1, { kind: 'list', ...page })).toMatchObject({
      reply: {
        entries: [
          { key: 'a', version: 1, value: undefined },
          { key: 'b', version: 2, value: undefined },
        ],
        rest: { start: 'b\0', end: 'z' },
      },
    });
  });

  it('says in a failure what an ErrorInfo says', async () => {
    open();
    node.default.failure = fail('CERTIFICATION_CONFLICT', 'lost', {
      details: { conflict: { key: 'k', gtid: 'g' }, transactionId: id, tombstone: false },
      token: 'the winner',
    }).failure;
    const result = await client.call(1, put('k'));
    expect(failureOf(result)).toMatchObject({
      ...{ code: 'CERTIFICATION_CONFLICT', message: 'lost', outcome: 'not-committed', retry: 'new-snapshot' },
      ...{ token: 'the winner', details: { conflict: { key: 'k', gtid: 'g' } } },
    });
  });
});

describe('an id and its attempts', () => {
  it.each([
    [1, false],
    [2, true],
    [0, true],
  ])('attempt %i may be a retry: %s', async (attempt, mayBeRetry) => {
    open();
    await client.call(1, under(put('k'), id, attempt));
    expect(node.default.transacted[0]).toMatchObject({ id, mayBeRetry });
  });

  it('a refusal says not-committed of a first attempt and unknown of a repetition', async () => {
    open();
    const bad = (attempt: number): Method => under(put(''), id, attempt);
    expect(failureOf(await client.call(1, bad(1)))).toMatchObject({ outcome: 'not-committed' });
    expect(failureOf(await client.call(2, bad(2)))).toMatchObject({ outcome: 'unknown' });
    expect(failureOf(await client.call(3, bad(0)))).toMatchObject({ outcome: 'unknown' });
    await client.call(4, under(put('k'), id, 1));
    expect(failureOf(await client.call(5, bad(2)))).toMatchObject({
      ...{ code: 'INVALID_ARGUMENT', outcome: 'committed' },
    });
  });
});

describe('time', () => {
  it('that is over after a COMMIT was sent leaves the outcome unknown, and names the id', async () => {
    open();
    neverCommits();
    client.send({ id: 1, timeoutMs: 20, method: put('k') });
    const failure = failureOf(await client.reply(1));
    expect(failure).toMatchObject({ code: 'COMMIT_OUTCOME_UNKNOWN', outcome: 'unknown', retry: 'same-id' });
    expect(failure.details['transactionId']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('that is over before a COMMIT was sent says that nothing was committed', async () => {
    open();
    client.send({ id: 1, method: put('k') }, { id: 2, method: { kind: 'cancel', id: 1 } });
    expect(failureOf(await client.reply(1))).toMatchObject({ code: 'OVERLOADED', outcome: 'not-committed' });
    expect(node.default.transacted).toEqual([]);
    client.send({ id: 3, method: under(put('k'), id, 2) }, { id: 4, method: { kind: 'cancel', id: 3 } });
    expect(failureOf(await client.reply(3))).toMatchObject({ outcome: 'unknown' });
  });

  it('bounds how long a read waits', async () => {
    open();
    client.send({ id: 1, timeoutMs: 1234, method: read('k') });
    await client.reply(1);
    expect(node.default.freshnesses[0]!.timeoutMs).toBeLessThanOrEqual(1234);
    expect(node.default.freshnesses[0]!.timeoutMs).toBeGreaterThan(0);
  });

  it('ends for a call that is cancelled, and its id is free again', async () => {
    open();
    const held = holdReads();
    client.send({ id: 1, method: read('k') }, { id: 2, method: { kind: 'cancel', id: 1 } });
    expect(failureOf(await client.reply(1))).toMatchObject({ code: 'CAUSAL_READ_TIMEOUT' });
    client.send({ id: 1, method: read('k') });
    await eventually(() => expect(held.length).toBeGreaterThan(0));
    for (const end of held) end();
    await eventually(() => expect(client.replies).toHaveLength(2));
    expect(client.replies[1]).toMatchObject({ id: 1, result: { kind: 'read' } });
  });

  it('that ran out for a begin gives the transaction back', async () => {
    open();
    let begin = (): void => {};
    const service = node.default;
    const original = service.begin.bind(service);
    service.begin = (options) =>
      new Promise((resolve) => (begin = () => void original(options).then(resolve)));
    client.send({
      ...{ id: 1, timeoutMs: 10 },
      method: { kind: 'begin', keyspace: 'default', isolation: 'snapshot', freshness, idleTimeoutMs: 0 },
    });
    await client.reply(1);
    begin();
    await eventually(() => expect([...service.outcomes.values()]).toMatchObject([{ state: 'aborted' }]));
  });
});

describe('bounds', () => {
  it('calls above the most that may be open are refused, and taken again after the others', async () => {
    open();
    const held = holdReads();
    const max = limits.sessionCallsMax;
    client.send(...Array.from({ length: max + 1 }, (_, i) => ({ id: i + 1, method: read('k') })));
    expect(failureOf(await client.reply(max + 1))).toMatchObject({
      ...{ code: 'OVERLOADED', outcome: 'not-committed', details: { retryAfterMs: 100 } },
    });
    await eventually(() => expect(held).toHaveLength(max));
    for (const end of held.splice(0)) end();
    await eventually(() => expect(client.replies).toHaveLength(max + 1));
    client.send({ id: 1, method: read('k') });
    await eventually(() => expect(held).toHaveLength(1));
  });

  it('calls are refused while requests of too many bytes are under way, of whatever session', async () => {
    const requestBytes = new RequestBytes(1000);
    open({ requestBytes });
    const ends: (() => void)[] = [];
    node.default.transact = () =>
      new Promise((resolve) => ends.push(() => resolve(fail('TYPE_MISMATCH', 'the end'))));
    client.send({ id: 1, method: put('k', Buffer.alloc(600)) });
    await eventually(() => expect(ends).toHaveLength(1));
    const other = new SessionClient(node, { requestBytes });
    const large = put('k', Buffer.alloc(600));
    expect(failureOf(await other.call(1, large))).toMatchObject({
      ...{ code: 'OVERLOADED', outcome: 'not-committed', details: { retryAfterMs: 100 } },
    });
    expect(failureOf(await other.call(2, under(large, id, 2)))).toMatchObject({ outcome: 'unknown' });
    other.send({ id: 3, timeoutMs: 5, method: put('k') });
    await other.reply(3);
    expect(ends).toHaveLength(2);
    other.stream.close('gone');
    for (const end of ends) end();
    await client.reply(1);
    await eventually(() => expect(requestBytes.held).toBe(0));
  });

  it('answers that may be a page long are worked on a few at a time', async () => {
    open();
    const held = holdReads();
    const calls = Array.from({ length: 20 }, (_, i) => ({ id: i + 1, method: read('a', 'b') }));
    client.send(...calls, { id: 100, method: { kind: 'ping' } });
    await client.reply(100);
    await eventually(() => expect(held).toHaveLength(limits.sessionPagesMax));
    held.shift()!();
    const answered = () => client.replies.filter(({ result }) => result.kind === 'read');
    await eventually(() => expect(answered()).toHaveLength(1));
    expect(held).toHaveLength(limits.sessionPagesMax);
  });

  it('a reply is never longer than a message may be, however much a failure has to tell', async () => {
    open();
    const checks = Array.from({ length: 1000 }, () => ({
      key: '\u0001'.repeat(2048),
      expected: 1,
      actual: 2,
    }));
    const details = { checks, transactionId: id };
    node.default.failure = fail('CHECK_FAILED', '1000 checks did not hold', { details }).failure;
    expect(failureOf(await client.call(1, put('k')))).toMatchObject({
      ...{ code: 'CHECK_FAILED', outcome: 'not-committed' },
      details: { transactionId: id, omitted: ['checks'] },
    });
    node.default.failure = fail('CHECK_FAILED', 'x', { details: { checks: checks.slice(0, 20) } }).failure;
    expect(failureOf(await client.call(2, put('k'))).details['checks']).toHaveLength(20);
  });

  it('replies of one turn that are too long for one message go in several', async () => {
    open();
    const results = Array.from({ length: limits.mutationsMax }, () => 2n ** 52n);
    const gtid = node.default.at;
    const commit = { transactionId: id as TransactionId, gtid, seqno: seqno(1), results, reads: [] };
    const value = { kind: 'bytes', bytes: Buffer.alloc(900_000), contentType: 'a/b' } as const;
    const page = { version: seqno(1), value, expiresAtMs: undefined };
    const ends: (() => void)[] = [];
    node.default.transact = () => new Promise((resolve) => ends.push(() => resolve(succeed(commit))));
    node.default.read = () =>
      new Promise((resolve) => ends.push(() => resolve(succeed({ gtid, values: [page, page, page, page] }))));
    const calls = Array.from({ length: 400 }, (_, i) => ({ id: i + 1, method: put('k') }));
    client.send(...calls, { id: 2000, method: read('a', 'b', 'c', 'd') });
    await eventually(() => expect(ends).toHaveLength(401));
    for (const end of ends) end();
    await eventually(() => expect(client.replies).toHaveLength(401));
    expect(client.closed).toBeUndefined();
  });

  it('a client that does not read its replies is no longer served, and goes on when it reads', async () => {
    const value = { kind: 'bytes', bytes: Buffer.alloc(100_000), contentType: 'a/b' } as const;
    open({ limits: { ...defaultStreamLimits, highWaterBytes: 200_000, queueBytesMax: 8_000_000 } });
    node.default.stored.set(key('k'), { version: seqno(1), value, expiresAtMs: undefined });
    const asked = { count: 0 };
    const original = node.default.read.bind(node.default);
    node.default.read = (...given) => {
      asked.count += 1;
      return original(...given);
    };
    client.stream.pause();
    const calls = Array.from({ length: 1000 }, (_, i) => ({ id: i + 1, method: read('k') }));
    client.send(...calls);
    let before = -1;
    await eventually(() => {
      const stands = asked.count > 0 && before === asked.count;
      before = asked.count;
      return stands;
    });
    expect(asked.count).toBeLessThan(500);
    client.stream.resume();
    await eventually(() => expect(client.replies).toHaveLength(1000));
  });
});

describe('what ends it', () => {
  it('an id that is open and comes again', async () => {
    open();
    holdReads();
    client.send({ id: 1, method: read('k') }, { id: 1, method: read('k') });
    await eventually(() => expect(client.closed).toMatch(/call 1 is open/));
    expect(client.failure).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'unknown' });
  });

  it('bytes that are no message', async () => {
    open();
    client.stream.send(Buffer.from([10, 200]));
    await eventually(() => expect(client.closed).toBeDefined());
    expect(client.failure).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'calls[0]' } });
  });

  it('finish, after the open calls are answered', async () => {
    open();
    const held = holdReads();
    client.send({ id: 1, method: read('k') });
    await eventually(() => expect(held).toHaveLength(1));
    const finished = client.session.finish();
    expect(client.closed).toBeUndefined();
    held[0]!();
    await finished;
    await eventually(() => expect(client.closed).toBeDefined());
    expect(client.replies).toHaveLength(1);
  });

  it('nothing, while the node drains: calls are refused and pings say so', async () => {
    open();
    node.draining = true;
    expect(failureOf(await client.call(1, put('k')))).toMatchObject({
      ...{ code: 'NODE_NOT_READY', outcome: 'not-committed', retry: 'elsewhere' },
    });
    expect(await client.call(2, { kind: 'ping' })).toMatchObject({ reply: { serving: false } });
    node.draining = false;
    expect(await client.call(3, { kind: 'ping' })).toMatchObject({ reply: { serving: true } });
  });

  it('not a bug in a call', async () => {
    open();
    node.default.bug = new Error('a bug');
    expect(failureOf(await client.call(1, read('k')))).toMatchObject({
      code: 'INTERNAL',
      outcome: 'not-committed',
    });
    expect(failureOf(await client.call(2, put('k')))).toMatchObject({ code: 'INTERNAL', outcome: 'unknown' });
  });
});

describe('bad input', () => {
  it.each(createBadInputs())('%s', async (_name, method, expected) => {
    open();
    expect(failureOf(await client.call(1, method))).toMatchObject({ outcome: 'not-committed', ...expected });
    expect(node.default.transacted).toEqual([]);
  });
});
