import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeHistory, otherHistory } from '../../../test/support/http-fake-node.js';
import { HttpHarness } from '../../../test/support/http-harness.js';
import { failure } from '../../model/errors.js';
import { keyFromText } from '../../model/keys.js';
import { limits } from '../../model/limits.js';

const keys = '/v1/keyspaces/default/keys';
const id = '018f0000-0000-7000-8000-00000000abcd';
const tag = (version: number, history: string = fakeHistory) => `"${history}:${version}"`;

let http: HttpHarness;
beforeEach(async () => {
  http = await HttpHarness.start();
});
afterEach(() => http.stop());

describe('a key over HTTP', () => {
  it('keeps a raw body byte for byte with its content type', async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 0x7b]);
    const put = await http.put(`${keys}/a`, bytes, { 'content-type': 'image/x-thing; a=b' });
    expect(put.json()).toEqual({
      transactionId: expect.any(String) as string,
      gtid: `${fakeHistory}:1`,
      version: 1,
    });
    expect(put.headers).toMatchObject({ etag: tag(1), 'meridian-causality': `${fakeHistory}:1` });
    const got = await http.get(`${keys}/a`);
    expect(got.bytes).toEqual(bytes);
    expect(got.headers).toMatchObject({
      'content-type': 'image/x-thing; a=b',
      etag: tag(1),
      'meridian-region': 'us-east',
      'meridian-causality': `${fakeHistory}:1`,
      'meridian-staleness': '12',
    });
  });

  it('keeps JSON as it came, whitespace included, and says no charset that nobody gave', async () => {
    await http.put(`${keys}/a`, '{ "n" : 1e2 }', { 'content-type': 'application/json' });
    const got = await http.get(`${keys}/a`);
    expect(got.text).toBe('{ "n" : 1e2 }');
    expect(got.headers['content-type']).toBe('application/json');
  });

  it('is application/octet-stream without a type, and may be empty', async () => {
    await http.send('PUT', `${keys}/a`);
    const got = await http.get(`${keys}/a`);
    expect([got.status, got.text, got.headers['content-type']]).toEqual([
      200,
      '',
      'application/octet-stream',
    ]);
  });

  it('answers HEAD like GET without the body', async () => {
    await http.put(`${keys}/a`, 'hello', { 'content-type': 'text/plain' });
    const { app } = http;
    await app.listen({ host: '127.0.0.1', port: 0 });
    const head = await http.sendRaw('HEAD', `${keys}/a`);
    expect([head.status, head.text, head.headers['content-length'], head.headers['etag']]).toEqual([
      200,
      '',
      '5',
      tag(1),
    ]);
  });

  it('is one key whether its slashes are escaped or not, and is decoded once', async () => {
    await http.sendRaw('PUT', `${keys}/a%2Fb%2525`, Buffer.from('x'));
    expect((await http.sendRaw('GET', `${keys}/a/b%2525`)).text).toBe('x');
    expect([...http.node.default.stored.keys()]).toEqual(['a/b%25']);
  });

  it('is gone after DELETE, which succeeds for an absent key too', async () => {
    await http.put(`${keys}/a`, 'x');
    expect((await http.send('DELETE', `${keys}/a`)).json()).toMatchObject({ version: 2 });
    expect((await http.send('DELETE', `${keys}/never`)).status).toBe(200);
    const got = await http.get(`${keys}/a`);
    expect(got.status).toBe(404);
    expect(got.headers['meridian-causality']).toBe(`${fakeHistory}:3`);
    expect(got.json()).toMatchObject({ code: 'KEY_NOT_FOUND', key: 'a', outcome: 'not-committed' });
  });

  it('shows a counter as decimal digits', async () => {
    await http.post('/v1/keyspaces/default/transact', {
      mutations: [{ sum: { key: 'n', by: '9223372036854775807' } }],
    });
    const got = await http.get(`${keys}/n`);
    expect([got.text, got.headers['content-type'], got.headers['meridian-kind']]).toEqual([
      '9223372036854775807',
      'application/json',
      'counter',
    ]);
  });

  it('takes a time to live in seconds and says when the key expires', async () => {
    await http.put(`${keys}/a?ttl=5`, 'x');
    expect(http.node.default.transacted[0]?.mutations[0]).toMatchObject({ kind: 'set', ttlMs: 5000 });
    expect((await http.get(`${keys}/a`)).headers['meridian-expires-at-ms']).toBe('1005000');
    for (const ttl of ['0', '-1', '1.5', 'x', '', String(limits.ttlMsMax / 1000 + 1)]) {
      expect((await http.put(`${keys}/a?ttl=${ttl}`, 'x')).json()).toMatchObject({ field: 'query.ttl' });
    }
    expect((await http.put(`${keys}/a?ttl=${limits.ttlMsMax / 1000}`, 'x')).status).toBe(200);
  });

  it('takes a value of the largest size and refuses one byte more', async () => {
    expect((await http.put(`${keys}/a`, Buffer.alloc(limits.valueBytesMax))).status).toBe(200);
    const above = await http.put(`${keys}/a`, Buffer.alloc(limits.valueBytesMax + 1));
    expect(above.status).toBe(413);
    expect(above.json()).toMatchObject({
      code: 'VALUE_TOO_LARGE',
      limit: limits.valueBytesMax,
      size: limits.valueBytesMax + 1,
      outcome: 'not-committed',
    });
  });
});

describe('conditions', () => {
  beforeEach(() => http.put(`${keys}/a`, 'x'));

  it('answer 304 to a reader who has the version, and 200 to one who has another', async () => {
    const same = await http.get(`${keys}/a`, { 'if-none-match': `${tag(9)}, ${tag(1)}` });
    expect([same.status, same.text, same.headers['etag']]).toEqual([304, '', tag(1)]);
    expect((await http.get(`${keys}/a`, { 'if-none-match': '*' })).status).toBe(304);
    expect((await http.get(`${keys}/a`, { 'if-none-match': tag(9) })).status).toBe(200);
    expect((await http.get(`${keys}/zz`, { 'if-none-match': '*' })).status).toBe(404);
  });

  it('answer 412 to a reader who wants another version', async () => {
    expect((await http.get(`${keys}/a`, { 'if-match': tag(1) })).status).toBe(200);
    const failed = await http.get(`${keys}/a`, { 'if-match': tag(2) });
    expect(failed.status).toBe(412);
    expect(failed.json()).toMatchObject({
      code: 'CHECK_FAILED',
      checks: [{ key: 'a', expected: 2, actual: 1 }],
    });
    expect((await http.get(`${keys}/zz`, { 'if-match': '*' })).status).toBe(412);
  });

  it('become the checks of a write', async () => {
    const checksOf = async (headers: Record<string, string>) => {
      const answer = await http.put(`${keys}/b`, 'x', headers);
      return [answer.status, http.node.default.transacted.at(-1)!.checks];
    };
    await http.put(`${keys}/b`, 'x');
    const key = keyFromText('b');
    expect(await checksOf({ 'if-match': tag(2) })).toEqual([200, [{ key, expect: { version: 2 } }]]);
    expect(await checksOf({ 'if-match': '*' })).toEqual([200, [{ key, expect: 'present' }]]);
    expect((await http.put(`${keys}/c`, 'x', { 'if-none-match': '*' })).status).toBe(200);
    expect(http.node.default.transacted.at(-1)!.checks).toEqual([{ key: 'c', expect: 'absent' }]);
    expect((await http.put(`${keys}/b`, 'x', { 'if-none-match': '*' })).status).toBe(412);
    expect((await http.send('DELETE', `${keys}/b`, { headers: { 'if-match': tag(1) } })).status).toBe(412);
    expect((await http.put(`${keys}/zz`, 'x', { 'if-match': tag(1) })).status).toBe(412);
  });

  it.each([
    ['if-match', 'W/"x"'],
    ['if-match', 'abc'],
    ['if-match', '"abc"'],
    ['if-match', ''],
    ['if-match', `${tag(1)}, ${tag(2)}`],
    ['if-none-match', tag(1)],
  ])('refuse %s: %s on a write', async (name, text) => {
    const answer = await http.put(`${keys}/a`, 'y', { [name]: text });
    expect(answer.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT', outcome: 'not-committed' });
    expect(http.node.default.transacted).toHaveLength(1);
  });

  it('of another history are a HISTORY_MISMATCH', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await http.send(method, `${keys}/a`, { headers: { 'if-match': tag(1, otherHistory) } });
      expect(answer.json()).toMatchObject({
        status: 409,
        code: 'HISTORY_MISMATCH',
        given: otherHistory,
        history: fakeHistory,
      });
    }
  });
});

describe('causality', () => {
  it('asks for what the request asks for', async () => {
    const token = `${fakeHistory}:0`;
    await http.get(`${keys}/a?causal=true&causalTimeoutMs=77`, { 'meridian-causality': token });
    await http.get(`${keys}/a?causal=false`);
    expect(http.node.default.freshnesses).toEqual([
      { causal: true, token, timeoutMs: 77 },
      { causal: false, token: undefined, timeoutMs: limits.causalTimeoutMsDefault },
    ]);
  });

  it('never answers a token below the one that was sent, errors included', async () => {
    const sent = `${fakeHistory}:50`;
    const late = await http.get(`${keys}/a`, { 'meridian-causality': sent });
    expect(late.json()).toMatchObject({ status: 504, code: 'CAUSAL_READ_TIMEOUT', required: 50, applied: 0 });
    expect(late.headers['meridian-causality']).toBe(sent);
    const refused = await http.get(`${keys}/a?limit=1`, { 'meridian-causality': sent });
    expect([refused.status, refused.headers['meridian-causality']]).toEqual([400, sent]);
  });

  it('answers the winner of a conflict when that is the latest', async () => {
    http.node.default.failure = failure('CERTIFICATION_CONFLICT', 'lost', {
      details: { conflict: { key: 'a', gtid: `${fakeHistory}:30` } },
      token: `${fakeHistory}:30`,
    });
    const lost = await http.put(`${keys}/a`, 'x', { 'meridian-causality': `${fakeHistory}:4` });
    expect([lost.status, lost.headers['meridian-causality']]).toEqual([409, `${fakeHistory}:30`]);
    expect(lost.json()).toMatchObject({ retryable: true, retry: 'new-snapshot', outcome: 'not-committed' });
  });

  it('refuses malformed tokens, and leaves those of another history to the keyspace', async () => {
    for (const token of [
      'x',
      `${fakeHistory}:-1`,
      `${fakeHistory}:1e3`,
      `${fakeHistory}:1, ${fakeHistory}:2`,
    ]) {
      const answer = await http.get(`${keys}/a`, { 'meridian-causality': token });
      expect(answer.json()).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'header.Meridian-Causality' });
    }
    const other = await http.get(`${keys}/a`, { 'meridian-causality': `${otherHistory}:1` });
    expect(other.json()).toMatchObject({ status: 409, code: 'HISTORY_MISMATCH' });
    expect(other.headers['meridian-causality']).toBe(`${fakeHistory}:0`);
  });
});

describe('an Idempotency-Key', () => {
  it('is the id of the write, which may be a repetition', async () => {
    const first = await http.put(`${keys}/a`, 'x', { 'idempotency-key': id.toUpperCase() });
    const second = await http.put(`${keys}/a`, 'x', { 'idempotency-key': id });
    expect(first.json()).toEqual({ transactionId: id, gtid: `${fakeHistory}:1`, version: 1 });
    expect(second.json()).toEqual(first.json());
    expect(http.node.default.transacted.every((one) => one.id === id && one.mayBeRetry)).toBe(true);
  });

  it('stands for the content, not for what belongs to one attempt', async () => {
    const contentOf = async (url: string, body: string, headers: Record<string, string> = {}) => {
      await http.put(url, body, headers);
      return http.node.default.transacted.at(-1)!.content;
    };
    const first = await contentOf(`${keys}/a`, 'x');
    const token = { 'meridian-causality': `${fakeHistory}:1` };
    expect(await contentOf(`${keys}/a?causal=true&causalTimeoutMs=9`, 'x', token)).toEqual(first);
    const others = [
      await contentOf(`${keys}/b`, 'x'),
      await contentOf(`${keys}/a`, 'y'),
      await contentOf(`${keys}/a?ttl=1`, 'x'),
      await contentOf(`${keys}/a`, 'x', { 'content-type': 'text/plain' }),
      await contentOf(`${keys}/a`, 'x', { 'if-match': '*' }),
    ];
    for (const other of others) expect(other).not.toEqual(first);
  });

  it.each(['x', '018f0000-0000-4000-8000-00000000abcd', ''])('is refused when it is %j', async (text) => {
    const answer = await http.put(`${keys}/a`, 'x', { 'idempotency-key': text });
    expect(answer.json()).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'header.Idempotency-Key' });
  });

  it('makes the outcome of a mere refusal unknown, or what the id has come to', async () => {
    const headers = { 'idempotency-key': id };
    const refused = await http.put(`${keys}/a?ttl=x`, 'x', headers);
    expect(refused.json()).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'unknown' });
    await http.put(`${keys}/a`, 'x', headers);
    const known = await http.put(`${keys}/a?ttl=x`, 'x', headers);
    expect(known.json()).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'committed' });
  });
});

describe('what goes wrong in the node', () => {
  it('says when to come back', async () => {
    http.node.default.failure = failure('OVERLOADED', 'full', {
      details: { retryAfterMs: 2500 },
      outcome: 'unknown',
    });
    const answer = await http.put(`${keys}/a`, 'x');
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '3']);
    expect(answer.json()).toMatchObject({ retryable: true, retry: 'same-id', retryAfterMs: 2500 });
  });

  it('says of a bug in a write that the outcome is unknown, and tells nothing of the inside', async () => {
    http.node.default.bug = new Error('secret');
    const write = await http.put(`${keys}/a`, 'x');
    expect(write.json()).toMatchObject({ status: 500, code: 'INTERNAL', outcome: 'unknown' });
    const read = await http.get(`${keys}/a`);
    expect(read.json()).toMatchObject({ status: 500, code: 'INTERNAL', outcome: 'not-committed' });
    expect(write.text + read.text).not.toContain('secret');
  });
});
