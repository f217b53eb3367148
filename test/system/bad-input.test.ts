import { connect } from 'node:net';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { HttpClient, type HttpReply } from '../support/http-client.js';
import { clientsOf } from '../support/http-cluster.js';
import { HttpTransaction } from '../support/http-transaction.js';
import {
  isolationTypos,
  malformedBodies,
  malformedParameters,
  malformedPaths,
  oversized,
  unknownThings,
} from './bad-requests.js';

const keyspace = '/v1/keyspaces/default';
const documented = ['not-committed', 'committed', 'unknown'];

let cluster: TestCluster;
let http: HttpClient;
let hash: string;
let pids: readonly number[];

const hashOf = async (): Promise<string> => (await http.json({ path: `${keyspace}/state-hash` })).hash;

beforeAll(async () => {
  cluster = await startTestCluster();
  // Not the home: what it lets through must be refused at the sequencer.
  http = clientsOf(cluster).get('eu-west')!;
  await http.json({ method: 'PUT', path: `${keyspace}/keys/text`, body: Buffer.from('no counter') });
  hash = await hashOf();
  pids = cluster.nodes.map(({ pid }) => pid);
});
afterEach(async () => {
  expect(await hashOf(), 'nothing changes').toBe(hash);
  expect(
    cluster.nodes.map(({ pid, running }) => (running ? pid : 0)),
    'no node crashes',
  ).toEqual(pids);
});
afterAll(() => cluster.discard());

function expectProblem(reply: HttpReply, status: number, code: string): void {
  expect(reply.json, reply.bytes.toString().slice(0, 300)).toMatchObject({ status, code });
  expect(reply.status).toBe(status);
  expect(reply.headers['content-type']).toBe('application/problem+json');
  expect(reply.headers['meridian-region']).toBe('eu-west');
  expect(documented).toContain(reply.json.outcome);
  expect(reply.json.outcome).not.toBe('committed');
  for (const member of ['type', 'title', 'detail', 'retryable']) expect(reply.json).toHaveProperty(member);
}

describe.each([
  ['malformed bodies', malformedBodies],
  ['typos of the isolation', isolationTypos],
  ['malformed paths', malformedPaths],
  ['malformed parameters and headers', malformedParameters],
  ['what is too large', oversized],
  ['what does not exist', unknownThings],
])('%s', (_, requests) => {
  it.each(requests.map((request) => [request.what, request] as const))('%s', async (_what, request) => {
    expectProblem(await http.ask(request.question), request.status, request.code);
  });
});

describe('tokens and transactions that cannot be', () => {
  it('a token far ahead is waited for, then refused with what is here', async () => {
    const { gtid } = await http.json({ path: `${keyspace}/state-hash` });
    const token = `${gtid.split(':')[0]}:900000000`;
    const path = `${keyspace}/keys/text?causalTimeoutMs=200`;
    const reply = await http.ask({ path, headers: { 'Meridian-Causality': token } });
    expectProblem(reply, 504, 'CAUSAL_READ_TIMEOUT');
    expect(reply.json).toMatchObject({ required: token, applied: gtid });
  });

  it('an expired transaction', async () => {
    const begun = await http.json({
      method: 'POST',
      path: `${keyspace}/transactions`,
      body: { timeoutMs: 1 },
    });
    const path = `${keyspace}/transactions/${begun.transactionId}`;
    const expired = async (): Promise<HttpReply> => {
      const reply = await http.ask({ method: 'PUT', path: `${path}/keys/bad`, body: Buffer.from('x') });
      if (reply.status === 204) throw new Error('it is still open');
      return reply;
    };
    expectProblem((await eventually(expired, { everyMs: 20 })) as HttpReply, 410, 'TRANSACTION_EXPIRED');
    expectProblem(await http.ask({ method: 'POST', path: `${path}/commit` }), 410, 'TRANSACTION_EXPIRED');
  });

  it('a finished transaction', async () => {
    const transaction = await HttpTransaction.begin(http, 'default', { isolation: 'snapshot' });
    const path = `${keyspace}/transactions/${transaction.id}`;
    await http.json({ method: 'POST', path: `${path}/rollback` });
    const write = await http.ask({ method: 'PUT', path: `${path}/keys/bad`, body: Buffer.from('x') });
    expectProblem(write, 409, 'TRANSACTION_FINISHED');
    expectProblem(await http.ask({ method: 'POST', path: `${path}/commit` }), 409, 'TRANSACTION_FINISHED');
  });

  it('a transaction of another node: the answer names that node', async () => {
    const home = new HttpClient(cluster.node('us-east').httpUrl);
    const { id } = await HttpTransaction.begin(home, 'default', { isolation: 'snapshot' });
    const reply = await http.ask({ path: `${keyspace}/transactions/${id}/keys/text` });
    expectProblem(reply, 404, 'TRANSACTION_NOT_FOUND');
    expect(reply.json).toMatchObject({ node: 'us-east', address: cluster.node('us-east').httpUrl });
  });

  it('a sum on what is no counter', async () => {
    const body = { mutations: [{ sum: { key: 'text', by: 1 } }, { set: { key: 'bad', value: 1 } }] };
    const reply = await http.ask({ method: 'POST', path: `${keyspace}/transact`, body });
    expectProblem(reply, 409, 'TYPE_MISMATCH');
  });

  it('an id that comes back with another content', async () => {
    const headers = { 'Idempotency-Key': uuidv7() };
    const path = `${keyspace}/keys/text`;
    const first = await http.json({ method: 'PUT', path, headers, body: Buffer.from('first') });
    hash = await hashOf();
    const reply = await http.ask({ method: 'PUT', path, headers, body: Buffer.from('other') });
    expect(reply.json).toMatchObject({
      code: 'TRANSACTION_ID_REUSED',
      outcome: 'committed',
      gtid: first.gtid,
    });
    expect(reply.status).toBe(422);
  });
});

describe('what is no HTTP', () => {
  /** Everything that the node answers until it, or the test, ends the connection. */
  function exchange(text: string): Promise<string> {
    const { hostname, port } = new URL(cluster.node('eu-west').httpUrl);
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end(text));
      let answer = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
      socket.on('error', () => resolve(answer));
      socket.on('close', () => resolve(answer));
    });
  }
  const request = (target: string, more = ''): string => `${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

  it.each([
    ['nonsense', 'NONSENSE\r\n\r\n', 400],
    ['bytes of another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a header without a name', request('GET /livez', ': x\r\n'), 400],
    ['headers that are too long', request('GET /livez', `X: ${'y'.repeat(70_000)}\r\n`), 431],
    [
      'a length that is no number',
      request('PUT /v1/keyspaces/default/keys/bad', 'Content-Length: many\r\n'),
      400,
    ],
    [
      'two lengths',
      request('PUT /v1/keyspaces/default/keys/bad', 'Content-Length: 1\r\nContent-Length: 2\r\n'),
      400,
    ],
    [
      'a length and chunks',
      request('PUT /v1/keyspaces/default/keys/bad', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'),
      400,
    ],
    [
      'a chunk of no length',
      `${request('PUT /v1/keyspaces/default/keys/bad', 'Transfer-Encoding: chunked\r\n')}zz\r\n`,
      400,
    ],
    ['a raw NUL in the path', request('GET /v1/keyspaces/default/keys/a\0b'), 400],
    ['raw bytes above 127 in the path', request('GET /v1/keyspaces/default/keys/\xff'), 400],
  ])('%s', async (_, text, status) => {
    const answer = await exchange(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/content-type: application\/problem\+json/i);
    expect(answer).toMatch(/"code":"INVALID_ARGUMENT"/);
  });

  it('a body that ends before its length commits nothing', async () => {
    await exchange(`${request('PUT /v1/keyspaces/default/keys/bad', 'Content-Length: 10\r\n')}half`);
    expect((await http.ask({ path: `${keyspace}/keys/bad?causal=true` })).status).toBe(404);
  });
});
