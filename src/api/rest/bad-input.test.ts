import { connect, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HttpHarness, type HttpAnswer } from '../../../test/support/http-harness.js';
import { limits } from '../../model/limits.js';

const keyspace = '/v1/keyspaces/default';

let http: HttpHarness;
beforeAll(async () => {
  http = await HttpHarness.start();
});
afterAll(() => http.stop());
afterEach(() => {
  expect(http.node.default.transacted, 'nothing changes').toEqual([]);
});

function problem(answer: HttpAnswer): Record<string, unknown> {
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.json()).toMatchObject({ status: answer.status });
  return answer.json();
}

const json = { 'content-type': 'application/json' };
const transact = (payload: string | Buffer, headers: Record<string, string> = json) =>
  http.send('POST', `${keyspace}/transact`, { headers, payload });

describe('bad input', () => {
  it.each([
    ['malformed JSON', '{"mutations":['],
    ['nothing where JSON is needed', ''],
    ['__proto__', '{"__proto__":{"mutations":[]}}'],
    ['__proto__ inside of a value', '{"mutations":[{"set":{"key":"a","value":{"__proto__":1}}}]}'],
    ['constructor.prototype', '{"constructor":{"prototype":{"x":1}}}'],
    ['bytes that are not UTF-8', Buffer.from('{"mutations":[{"delete":{"key":"\xff"}}]}', 'latin1')],
    [
      'a value nested too deeply',
      `{"mutations":[{"set":{"key":"a","value":${'['.repeat(200_000)}${']'.repeat(200_000)}}}]}`,
    ],
    ['two JSON texts', '{}{}'],
  ])('in a body: %s', async (_what, payload) => {
    expect(problem(await transact(payload))).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'nonsense'])(
    'of the type %s where JSON is needed is 415',
    async (type) => {
      const answer = await transact('{}', { 'content-type': type });
      expect(problem(answer)).toMatchObject({
        status: 415,
        code: 'INVALID_ARGUMENT',
        field: 'header.Content-Type',
      });
    },
  );

  it('as an encoding that values are not kept in', async () => {
    const answer = await http.put(`${keyspace}/keys/a`, 'x', { 'content-encoding': 'gzip' });
    expect(problem(answer)).toMatchObject({ status: 400, field: 'header.Content-Encoding' });
  });

  it.each([
    `${keyspace}/keys/`,
    `${keyspace}/keys/.`,
    `${keyspace}/keys/..`,
    `${keyspace}/keys/%2e%2e`,
    `${keyspace}/keys/%`,
    `${keyspace}/keys/%zz`,
    `${keyspace}/keys/%ff`,
    `${keyspace}/keys/%ed%a0%80`,
    `${keyspace}/keys/a?ttl=%ff`,
    '/v1/keyspaces/%zz/keys/a',
  ])('in the path %s', async (path) => {
    expect(problem(await http.sendRaw('PUT', path, Buffer.from('x')))).toMatchObject({
      status: 400,
      code: 'INVALID_ARGUMENT',
    });
  });

  it('as a key that is too long', async () => {
    const answer = await http.sendRaw(
      'PUT',
      `${keyspace}/keys/${'%41'.repeat(limits.keyBytesMax + 1)}`,
      Buffer.from('x'),
    );
    expect(problem(answer)).toMatchObject({ status: 413, code: 'KEY_TOO_LARGE', limit: limits.keyBytesMax });
  });

  it('as a value that is too large, with and without its length said before', async () => {
    const bytes = Buffer.alloc(limits.valueBytesMax + 1);
    expect(problem(await http.put(`${keyspace}/keys/a`, bytes))).toMatchObject({
      status: 413,
      size: bytes.length,
    });
    const chunked = await http.send('PUT', `${keyspace}/keys/a`, {
      headers: { 'transfer-encoding': 'chunked' },
      payload: bytes,
    });
    expect(problem(chunked)).toMatchObject({ code: 'VALUE_TOO_LARGE', limit: limits.valueBytesMax });
  });

  it.each(['nope', 'DEFAULT', '__proto__', 'constructor', 'default%2F', 'a'.repeat(250)])(
    'as the keyspace %s',
    async (name) => {
      const answer = await http.get(`/v1/keyspaces/${name}/keys/a`);
      expect(problem(answer)).toMatchObject({ status: 404, code: 'KEYSPACE_NOT_FOUND' });
    },
  );

  it('as a path or a method that leads nowhere', async () => {
    for (const path of ['/', '/v1', '/v2/keyspaces', `${keyspace}//keys`]) {
      expect(problem(await http.get(path))).toMatchObject({
        status: 404,
        code: 'INVALID_ARGUMENT',
        field: 'path',
      });
    }
    const answer = await http.send('PATCH', `${keyspace}/keys/a/b`);
    expect(problem(answer)).toMatchObject({ status: 405, code: 'INVALID_ARGUMENT', field: 'method' });
    expect(answer.headers['allow']).toBe('DELETE, GET, HEAD, PUT');
  });

  it('as a path segment that is too long', async () => {
    const answer = await http.get(`/v1/keyspaces/${'a'.repeat(5000)}/keys/a`);
    expect(problem(answer)).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
  });

  it('as something that is no HTTP at all', async () => {
    const { app } = http;
    if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const exchange = (text: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(text));
        let answer = '';
        socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
        socket.on('close', () => resolve(answer));
        socket.on('error', reject);
      });
    expect(await exchange('NONSENSE\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 [^]*problem\+json[^]*"outcome":"unknown"/,
    );
    const overlong = `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`;
    expect(await exchange(overlong)).toMatch(/^HTTP\/1\.1 431 [^]*INVALID_ARGUMENT/);
  });
});
