import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpHarness, type HttpAnswer } from '../../../test/support/http-harness.js';
import { failure } from '../../model/errors.js';

let http: HttpHarness;

const keys = '/v1/keyspaces/default/keys/';
/** Reads that reached the route: each hands its freshness over. */
const routed = (): number => http.node.default.freshnesses.length;

async function read(path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return http.sendRaw('GET', path, undefined, headers);
}

/** The same read by the framework: a query takes it off the short way. */
async function readByRoute(path: string): Promise<HttpAnswer> {
  const before = routed();
  const answer = await read(`${path}?causalTimeoutMs=1000`);
  expect(routed()).toBe(before + 1);
  return answer;
}

function shown({ status, headers, bytes }: HttpAnswer): unknown {
  const { date, ...others } = headers;
  expect(date).toBeDefined();
  return { status, headers: others, bytes: bytes.toString('base64') };
}

beforeEach(async () => {
  http = await HttpHarness.start();
  await http.put(`${keys}text`, 'hello', { 'content-type': 'text/plain; charset=utf-8' });
  await http.put(`${keys}json`, '{"a":1}', { 'content-type': 'application/json' });
  await http.sendRaw('PUT', `${keys}a//b/../c`, Buffer.from([0, 255, 128]));
  await http.put(`${keys}empty`, '');
  await http.put(`${keys}short-lived?ttl=100`, 'v');
  await http.post('/v1/keyspaces/default/transact', { mutations: [{ sum: { key: 'counter', by: 41 } }] });
});

afterEach(() => http.stop());

describe('a plain read of a key that is there', () => {
  it.each(['text', 'json', 'a//b/../c', 'empty', 'short-lived', 'counter'])(
    'is answered as its route answers: %s',
    async (key) => {
      const before = routed();
      const plain = await read(keys + key);
      expect(routed()).toBe(before);
      expect(plain.status).toBe(200);
      expect(shown(plain)).toEqual(shown(await readByRoute(keys + key)));
    },
  );

  it('is counted with the others of its route', async () => {
    for (let i = 0; i < 3; i++) await read(`${keys}text`);
    await readByRoute(`${keys}text`);
    const { text } = await http.get('/metrics');
    expect(text).toMatch(/duration_seconds_count\{[^}]*route="[^"]*\/keys\/\*",status="200"\} 4/);
  });
});

describe('what is no plain read goes on to its route', () => {
  it.each([
    ['GET', `${keys}absent`, 404],
    ['GET', `${keys}.`, 400],
    ['GET', `${keys}%74ext`, 200],
    ['GET', '/v1/keyspaces/nowhere/keys/text', 404],
    ['HEAD', `${keys}text`, 200],
    ['GET', '/livez', 200],
  ])('%s %s → %i', async (method, path, status) => {
    expect((await http.sendRaw(method, path)).status).toBe(status);
  });

  it('with a condition or a causality token', async () => {
    const { headers } = await read(`${keys}text`);
    const etag = headers['etag']!;
    expect((await read(`${keys}text`, { 'if-none-match': etag })).status).toBe(304);
    expect((await read(`${keys}json`, { 'if-match': etag })).status).toBe(412);
    const token = headers['meridian-causality']!;
    const before = routed();
    expect((await read(`${keys}text`, { 'meridian-causality': token })).status).toBe(200);
    expect(routed()).toBe(before + 1);
  });

  it('where the keyspace is not served', async () => {
    http.node.default.failure = failure('NODE_NOT_READY', 'joining', { details: { state: 'joining' } });
    expect((await read(`${keys}text`)).json()).toMatchObject({ code: 'NODE_NOT_READY' });
  });
});

it('lets nobody in without a token', async () => {
  await http.stop();
  http = await HttpHarness.start({ tokens: ['secret'] });
  const known = { authorization: 'Bearer secret' };
  await http.put(`${keys}text`, 'hello', known);
  expect((await read(`${keys}text`)).status).toBe(401);
  expect((await read(`${keys}text`, { authorization: 'Bearer other' })).status).toBe(401);
  expect((await read(`${keys}text`, known)).text).toBe('hello');
});
