import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { createBadInputs } from '../../../test/support/grpc-bad-input.js';
import { FakeNode, fakeHistory } from '../../../test/support/http-fake-node.js';
import { reflected } from '../../../test/support/public-api-reflection.js';
import { catalogue, fail, type Result } from '../../model/errors.js';
import { nodeId, seqno } from '../../model/ids.js';
import { gtid } from '../../model/gtid.js';
import { firstKey, type Key } from '../../model/keys.js';
import { limits } from '../../model/limits.js';
import { silentLogger } from '../../runtime/runtime.js';
import { createSystemRuntime } from '../../runtime/system/runtime.js';
import type { Committed } from '../../transaction/service.js';
import { createGrpcPeerTransport, type GrpcPeerTransport } from '../../transport/grpc/grpc-peer-transport.js';
import {
  decodeSessionResponse,
  decodeWatchResponse,
  encodeSessionRequest,
  encodeWatchRequest,
  methods,
  type Codec,
} from '../../transport/public-api/codec.js';
import { decodeStatusDetails, statusDetailsKey } from '../../transport/public-api/error-info.js';
import type { Method, SessionResponse, WatchReply } from '../../transport/public-api/messages.js';
import { publicService, type UnaryMethod } from '../../transport/public-api/service.js';
import { addGrpcApi, type GrpcApi } from './server.js';

const runtime = createSystemRuntime(silentLogger);
const self = nodeId('us-east-1');
const freshness = { causal: false, token: '', timeoutMs: 0 };
const key = (text: string): Key => text as Key;

let node: FakeNode;
let transport: GrpcPeerTransport;
let api: GrpcApi;
let client: Client;

async function start(tokens: readonly string[] = []): Promise<void> {
  node = new FakeNode();
  transport = createGrpcPeerTransport({
    ...{ cluster: 'test', self, addresses: new Map(), listen: '127.0.0.1:0', runtime },
  });
  api = addGrpcApi(transport, { node, runtime, tokens });
  await transport.start();
  client = new Client(`127.0.0.1:${transport.port}`, credentials.createInsecure());
}
afterEach(async () => {
  client.close();
  node.draining = true;
  await api.finish();
  await transport.stop();
});

function send(method: UnaryMethod, bytes: Uint8Array, metadata = new Metadata(), deadlineMs = 10_000) {
  const { path, requestSerialize, responseDeserialize } = publicService[method];
  const deadline = runtime.clock.nowMs() + deadlineMs;
  return new Promise<Uint8Array>((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      bytes,
      metadata,
      { deadline },
      (error, reply) => {
        if (error) reject(error);
        else resolve(reply!);
      },
    );
  });
}

async function failureOf(answer: Promise<unknown>) {
  const error = (await answer.then(
    () => undefined,
    (reason: unknown) => reason,
  )) as ServiceError | undefined;
  if (error === undefined) throw new Error('the call succeeded');
  return { code: error.code, message: error.details, ...detailsOf(error) };
}

function detailsOf(error: ServiceError) {
  const [bytes] = error.metadata.get(statusDetailsKey);
  if (bytes === undefined) return { info: undefined };
  const { failure, ...rest } = decodeStatusDetails(bytes as Buffer)!;
  return { ...rest, info: { ...failure, details: JSON.parse(failure.detailsJson) as unknown } };
}

function call(method: Method): Promise<Uint8Array> {
  const { kind, ...fields } = method;
  return send(kind as UnaryMethod, (methods[kind as 'read'].request as Codec<object>).encode(fields));
}

const put: Method = {
  ...{ kind: 'transact', keyspace: 'default', transactionId: '', attempt: 0, isolation: 'serializable' },
  ...{ reads: [], checks: [], freshness },
  mutations: [{ kind: 'sum', key: key('n'), operand: 7n, ttlMs: undefined }],
};

describe('unary methods', () => {
  it('write and read', async () => {
    await start();
    const written = methods.transact.response.decode(await call(put));
    expect(written.commit).toMatchObject({ gtid: `${fakeHistory}:1`, results: [7n] });
    const read = await call({ kind: 'read', keyspace: 'default', keys: [key('n'), key('m')], freshness });
    expect(methods.read.response.decode(read)).toMatchObject({
      values: [{ version: 1, value: { kind: 'counter', count: 7n } }, undefined],
    });
  });

  it('show the cluster as HTTP does, and the hash of a keyspace', async () => {
    await start();
    const cluster = methods.getCluster.response.decode(await send('getCluster', Buffer.alloc(0)));
    expect(cluster).toMatchObject({
      cluster: 'test',
      node: 'us-east-1',
      region: 'us-east',
      version: '0.1.0',
    });
    expect(JSON.parse(cluster.json)).toMatchObject({ draining: false, limits: { ...limits } });
    const request = methods.getStateHash.request.encode({ keyspace: 'default' });
    const hash = methods.getStateHash.response.decode(await send('getStateHash', request));
    expect(hash).toEqual({ hash: 'ab'.repeat(32), keys: 0, gtid: `${fakeHistory}:0` });
  });

  it.each(createBadInputs())('refuse %s', async (_name, method, expected) => {
    await start();
    const { code, info } = await failureOf(call(method));
    expect(info).toMatchObject({ outcome: 'not-committed', ...expected });
    expect(code).toBe(status[catalogue[info!.code as 'INTERNAL'].grpc]);
  });

  it.each([
    ['an unknown isolation', { isolation: 9 }, 'isolation'],
    ['a check without expectation', { checks: [{ key: 'aw==' }] }, 'checks[0]'],
    ['a mutation of no kind', { mutations: [{}] }, 'mutations[0]'],
    ['a read of nothing', { reads: [{}] }, 'reads[0]'],
  ])('refuse %s, and of its id nothing is known', async (_name, plain, field) => {
    await start();
    const refused = await failureOf(send('transact', reflected('TransactRequest').encode(plain)));
    expect(refused).toMatchObject({
      code: status.INVALID_ARGUMENT,
      info: { code: 'INVALID_ARGUMENT', outcome: 'unknown', details: { field } },
    });
  });

  it('refuse what is no message, and a message that is too large', async () => {
    await start();
    const malformed = await failureOf(send('read', Buffer.from([10, 99])));
    expect(malformed).toMatchObject({ code: status.INVALID_ARGUMENT, info: { code: 'INVALID_ARGUMENT' } });
    const large = await failureOf(send('read', Buffer.alloc(limits.requestBodyBytesMax + 1)));
    expect(large).toMatchObject({
      code: status.INVALID_ARGUMENT,
      info: { code: 'VALUE_TOO_LARGE', details: { limit: limits.requestBodyBytesMax } },
    });
  });

  it('say in a google.rpc.Status what is known and when to come again', async () => {
    await start();
    node.default.failure = fail('OVERLOADED', 'full', { details: { retryAfterMs: 1500 } }).failure;
    expect(await failureOf(call(put))).toEqual({
      ...{ code: status.RESOURCE_EXHAUSTED, grpcStatus: status.RESOURCE_EXHAUSTED, message: 'full' },
      retryDelayMs: 1500,
      info: {
        ...{ code: 'OVERLOADED', message: 'full', outcome: 'not-committed', retry: 'after-delay', token: '' },
        ...{ detailsJson: '{"retryAfterMs":1500}', details: { retryAfterMs: 1500 } },
      },
    });
  });

  it('leave fields out that no trailer holds, and name them', async () => {
    await start();
    const checks = Array.from({ length: 1000 }, () => ({ key: 'k'.repeat(100), expected: 1, actual: 2 }));
    const message = 'ü'.repeat(10_000);
    node.default.failure = fail('CHECK_FAILED', message, { details: { checks, transactionId: 'x' } }).failure;
    const { info } = await failureOf(call(put));
    expect(info).toMatchObject({
      code: 'CHECK_FAILED',
      details: { transactionId: 'x', omitted: ['checks'] },
    });
  });

  it('cut a long message between characters, never inside of one', async () => {
    await start();
    for (const shift of ['', 'a']) {
      const keyspace = shift + '\u{1f600}'.repeat(400);
      const { code, message } = await failureOf(
        call({ kind: 'read', keyspace, keys: [key('k')], freshness }),
      );
      expect(code).toBe(status.NOT_FOUND);
      expect(message).toMatch(/\u{1f600}…$/u);
    }
  });

  it('answer before a deadline that passes after COMMIT was sent, with the id', async () => {
    await start();
    node.default.transact = () => new Promise<Result<Committed>>(() => {});
    const request = methods.transact.request.encode(put as Extract<Method, { kind: 'transact' }>);
    const { code, info } = await failureOf(send('transact', request, new Metadata(), 1000));
    expect(code).toBe(status.UNKNOWN);
    expect(info).toMatchObject({ code: 'COMMIT_OUTCOME_UNKNOWN', outcome: 'unknown', retry: 'same-id' });
    expect(info!.details).toMatchObject({
      transactionId: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
    });
  });

  it('are refused when too many are under way, before they are begun', async () => {
    await start();
    const begun: ((result: Result<Committed>) => void)[] = [];
    node.default.transact = () => new Promise<Result<Committed>>((resolve) => begun.push(resolve));
    const answers = Array.from({ length: limits.unaryCallsMax }, () => failureOf(call(put)));
    await eventually(() => expect(begun).toHaveLength(limits.unaryCallsMax));
    const repeated = { ...put, transactionId: '01920000-0000-7000-8000-000000000001', attempt: 2 };
    expect((await failureOf(call(put))).info).toMatchObject({ code: 'OVERLOADED', outcome: 'not-committed' });
    expect((await failureOf(call(repeated))).info).toMatchObject({ code: 'OVERLOADED', outcome: 'unknown' });
    expect(begun).toHaveLength(limits.unaryCallsMax);
    for (const end of begun) end(fail('TYPE_MISMATCH', 'the end'));
    expect((await answers[0])!.info).toMatchObject({ code: 'TYPE_MISMATCH' });
    await Promise.all(answers);
  });

  it('ask for a token', async () => {
    await start(['secret']);
    const request = methods.getStateHash.request.encode({ keyspace: 'default' });
    const metadata = new Metadata();
    const refused = { code: status.UNAUTHENTICATED, info: { code: 'UNAUTHENTICATED' } };
    expect(await failureOf(send('getStateHash', request, metadata))).toMatchObject(refused);
    metadata.set('authorization', 'Bearer wrong');
    expect(await failureOf(send('getStateHash', request, metadata))).toMatchObject(refused);
    metadata.set('authorization', 'Bearer secret');
    expect(await send('getStateHash', request, metadata)).toBeDefined();
  });
});

function session(metadata = new Metadata()) {
  const { path, requestSerialize, responseDeserialize } = publicService.session;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const messages: SessionResponse[] = [];
  const ended = new Promise<{ code: status; info?: unknown }>((resolve) => {
    stream.on('status', ({ code, metadata: trailers }) =>
      resolve({ code, ...detailsOf({ metadata: trailers } as ServiceError) }),
    );
  });
  stream.on('error', () => undefined);
  stream.on('data', (bytes: Uint8Array) => messages.push(decodeSessionResponse(bytes)));
  const ask = (id: number, method: Method): void =>
    void stream.write(encodeSessionRequest({ calls: [{ id, timeoutMs: 0, method }] }));
  return { stream, messages, ended, ask };
}

describe('a session', () => {
  it('answers what it was asked before the client ended it, and ends well', async () => {
    await start();
    const { stream, messages, ended, ask } = session();
    ask(1, put);
    stream.end();
    expect(await ended).toMatchObject({ code: status.OK });
    expect(messages.flatMap(({ replies }) => replies)).toMatchObject([
      { id: 1, result: { kind: 'transact' } },
    ]);
  });

  it('ends with the reason when a call comes that cannot be told from another', async () => {
    await start();
    node.default.read = () => new Promise(() => {});
    const { ended, ask } = session();
    const read: Method = { kind: 'read', keyspace: 'default', keys: [key('k')], freshness };
    ask(1, read);
    ask(1, read);
    expect(await ended).toMatchObject({ code: status.INVALID_ARGUMENT, info: { code: 'INVALID_ARGUMENT' } });
  });

  it('ends with NODE_NOT_READY when the node stops, after its open calls', async () => {
    await start();
    const { messages, ended, ask } = session();
    const held: (() => void)[] = [];
    const original = node.default.transact.bind(node.default);
    node.default.transact = (request) =>
      new Promise((resolve) => held.push(() => void original(request).then(resolve)));
    ask(1, put);
    await eventually(() => expect(held).toHaveLength(1));
    node.draining = true;
    const finished = api.finish();
    held[0]!();
    await finished;
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE, info: { code: 'NODE_NOT_READY' } });
    expect(messages.flatMap(({ replies }) => replies)).toHaveLength(1);
  });

  it('is not opened without a token, nor while the node drains', async () => {
    await start(['secret']);
    expect(await session().ended).toMatchObject({ code: status.UNAUTHENTICATED });
    node.draining = true;
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer secret');
    expect(await session(metadata).ended).toMatchObject({ code: status.UNAVAILABLE });
  });
});

function watch(from = '', keyspace = 'default') {
  const { path, requestSerialize, responseDeserialize } = publicService.watch;
  const range = { start: firstKey, end: undefined };
  const request = encodeWatchRequest({ keyspace, from, range });
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  const batches: WatchReply[] = [];
  stream.on('data', (bytes: Uint8Array) => batches.push(decodeWatchResponse(bytes)));
  const ended = new Promise<unknown>((resolve) =>
    stream.on('error', (error) => resolve(detailsOf(error as ServiceError))),
  );
  return { stream, batches, ended };
}

describe('a watch', () => {
  const at = (n: number) => gtid(fakeHistory, seqno(n));
  const commit = (n: number, bytes = 1) => ({
    ...{ gtid: at(n), timeMs: 5 },
    changes: [
      {
        ...{ kind: 'set' as const, key: key('k') },
        value: {
          ...{ version: seqno(n), expiresAtMs: undefined },
          value: { kind: 'bytes' as const, bytes: Buffer.alloc(bytes), contentType: 'a/b' },
        },
      },
    ],
  });

  it('gives whole commits and positions, and ends with the failure of the feed', async () => {
    await start();
    const { batches, ended } = watch(at(3));
    await eventually(() => expect(node.default.feeds).toHaveLength(1));
    expect(node.default.changesRequests[0]).toMatchObject({ from: at(3) });
    node.default.feeds[0]!.give([commit(4)]);
    node.default.feeds[0]!.give([], at(9));
    await eventually(() => expect(batches).toHaveLength(3));
    expect(batches).toEqual([
      { commits: [], position: at(3) },
      { commits: [commit(4)], position: at(4) },
      { commits: [], position: at(9) },
    ]);
    node.default.feeds[0]!.fail(fail('CHANGES_TOO_OLD', 'gone', { details: { oldest: 8 } }).failure);
    expect(await ended).toMatchObject({ info: { code: 'CHANGES_TOO_OLD', details: { oldest: 8 } } });
  });

  it('asks its feed no further while the client does not read', async () => {
    await start();
    const { stream, batches } = watch();
    stream.pause();
    await eventually(() => expect(node.default.feeds).toHaveLength(1));
    const [feed] = node.default.feeds;
    for (let n = 1; n <= 200; n++) feed!.give([commit(n, 100_000)]);
    let before = -1;
    await eventually(
      () => {
        const stands = feed!.calls > 1 && before === feed!.calls;
        before = feed!.calls;
        return stands;
      },
      { everyMs: 200 },
    );
    expect(feed!.calls).toBeLessThan(100);
    stream.resume();
    await eventually(() => expect(batches).toHaveLength(201));
    expect(batches.at(-1)!.position).toBe(at(200));
  });

  it.each(['', 'oldest'] as const)(
    'from %j says at once where it begins, to go on from there',
    async (from) => {
      await start();
      const { stream, batches } = watch(from);
      await eventually(() => expect(batches).toHaveLength(1));
      expect(batches).toEqual([{ commits: [], position: node.default.feeds[0]!.position }]);
      expect(node.default.changesRequests[0]).toMatchObject({ from: from === '' ? undefined : from });
      stream.cancel();
    },
  );

  it('closes its feed when the client leaves, and ends when the node stops', async () => {
    await start();
    const first = watch();
    await eventually(() => expect(node.default.feeds).toHaveLength(1));
    first.stream.cancel();
    await eventually(() => expect(node.default.feeds[0]!.closed).toBe(true));
    const second = watch();
    await eventually(() => expect(node.default.feeds).toHaveLength(2));
    node.draining = true;
    await api.finish();
    expect(await second.ended).toMatchObject({ info: { code: 'NODE_NOT_READY' } });
  });

  it('names what is wrong with its request', async () => {
    await start();
    expect(await watch('', 'nope').ended).toMatchObject({ info: { code: 'KEYSPACE_NOT_FOUND' } });
    const details = { field: 'from' };
    expect(await watch('yesterday').ended).toMatchObject({ info: { code: 'INVALID_ARGUMENT', details } });
  });
});
