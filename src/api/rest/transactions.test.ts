import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeHistory } from '../../../test/support/http-fake-node.js';
import { HttpHarness } from '../../../test/support/http-harness.js';
import { nodeId, seqno, type TransactionId } from '../../model/ids.js';
import type { Key } from '../../model/keys.js';
import { limits } from '../../model/limits.js';

const keyspace = '/v1/keyspaces/default';
const strange = '018f0000-0000-7000-8000-00000000abcd' as TransactionId;

let http: HttpHarness;
beforeEach(async () => {
  http = await HttpHarness.start();
});
afterEach(() => http.stop());

const transact = (body: unknown, headers: Record<string, string> = {}) =>
  http.post(`${keyspace}/transact`, body, headers);

describe('a one-shot transaction', () => {
  it('reads, checks and writes', async () => {
    await http.put(`${keyspace}/keys/a`, '1', { 'content-type': 'application/json' });
    const answer = await transact({
      isolation: 'snapshot',
      reads: [{ key: 'a' }, { key: 'zz' }, { prefix: 'a', limit: 1 }],
      checks: [
        { key: 'a', version: 1 },
        { key: 'b', absent: true },
        { keyBase64: 'YQ==', present: true },
      ],
      mutations: [
        { set: { key: 'b', value: { x: null }, ttl: 2 } },
        { set: { key: 'c', base64: 'AAE=', contentType: 'text/x' } },
        { sum: { key: 'n', by: -3 } },
        { min: { key: 'n', value: '-9223372036854775808' } },
        { max: { keyBase64: '/w', value: 4, ttl: 1 } },
        { delete: { key: 'a' } },
        { deleteRange: { start: 'x' } },
      ],
    });
    expect(answer.json()).toEqual({
      transactionId: expect.any(String) as string,
      gtid: `${fakeHistory}:2`,
      version: 2,
      results: [null, null, -3, '-9223372036854775808', 4, null, null],
      reads: [
        { key: 'a', version: 1, value: 1 },
        { key: 'zz', absent: true },
        { entries: [{ key: 'a', version: 1, value: 1 }] },
      ],
    });
    const request = http.node.default.transacted.at(-1)!;
    expect(request).toMatchObject({ isolation: 'snapshot', id: undefined, mayBeRetry: false });
    expect(request.checks.map((check) => check.expect)).toEqual([{ version: 1 }, 'absent', 'present']);
    expect(request.mutations.slice(0, 2)).toEqual([
      {
        kind: 'set',
        key: 'b',
        bytes: Buffer.from('{"x":null}'),
        contentType: 'application/json',
        ttlMs: 2000,
      },
      { kind: 'set', key: 'c', bytes: Buffer.from([0, 1]), contentType: 'text/x', ttlMs: undefined },
    ]);
    expect(request.mutations.at(-1)).toEqual({ kind: 'deleteRange', range: { start: 'x', end: undefined } });
  });

  it('is serializable unless it says otherwise, and the same content in any order of its fields', async () => {
    await transact({ mutations: [{ set: { key: 'a', value: 1 } }], causal: true });
    await transact({
      mutations: [{ set: { value: 1, key: 'a' } }],
      causalTimeoutMs: 5,
      isolation: 'serializable',
    });
    const [first, second] = http.node.default.transacted;
    expect(first).toMatchObject({ isolation: 'serializable', causal: true });
    expect(second!.content).toEqual(first!.content);
    await transact({ mutations: [{ set: { key: 'a', value: 1 } }], isolation: 'snapshot' });
    expect(http.node.default.transacted.at(-1)!.content).not.toEqual(first!.content);
  });

  it('gives a cursor for the rest of a range, which a list goes on with', async () => {
    for (const key of ['a', 'b', 'c']) await http.put(`${keyspace}/keys/${key}`, 'x');
    const answer = await transact({ reads: [{ prefix: '', limit: 2, reverse: true }] });
    const [{ cursor }] = answer.json()['reads'] as [{ cursor: string }];
    const rest = await http.get(`${keyspace}/keys?cursor=${cursor}&keysOnly=true`);
    expect(rest.json()).toEqual({ entries: [{ key: 'a', version: 1 }] });
  });

  it.each([
    [{ isolation: 'serialisable' }, 'isolation'],
    [{ isolation: 'SNAPSHOT' }, 'isolation'],
    [{ isolation: null }, 'isolation'],
    [{ mutation: [] }, 'mutation'],
    [{ mutations: {} }, 'mutations'],
    [{ mutations: [{}] }, 'mutations[0]'],
    [{ mutations: [{ set: { key: 'a', value: 1 }, delete: { key: 'a' } }] }, 'mutations[0]'],
    [{ mutations: [{ delete: { key: 'a' } }, { put: { key: 'a' } }] }, 'mutations[1].put'],
    [{ mutations: [{ set: { key: 'a' } }] }, 'mutations[0].set.value'],
    [{ mutations: [{ set: { key: 'a', value: 1, base64: '' } }] }, 'mutations[0].set.value'],
    [{ mutations: [{ set: { key: 'a', value: 1, contentType: 'a/b' } }] }, 'mutations[0].set.contentType'],
    [{ mutations: [{ set: { key: 'a', base64: '', contentType: 'a\nb' } }] }, 'mutations[0].set.contentType'],
    [{ mutations: [{ set: { key: 'a', value: 1, ttl: 0 } }] }, 'mutations[0].set.ttl'],
    [{ mutations: [{ set: { key: 'a', value: 1, ttl: '5' } }] }, 'mutations[0].set.ttl'],
    [{ mutations: [{ set: { key: 1, value: 1 } }] }, 'mutations[0].set.key'],
    [{ mutations: [{ delete: { key: '' } }] }, 'mutations[0].delete.key'],
    [{ mutations: [{ delete: { key: 'a\ud800' } }] }, 'mutations[0].delete.key'],
    [{ mutations: [{ delete: {} }] }, 'mutations[0].delete.key'],
    [{ mutations: [{ deleteRange: {} }] }, 'mutations[0].deleteRange'],
    [{ mutations: [{ sum: { key: 'a' } }] }, 'mutations[0].sum.by'],
    [{ mutations: [{ sum: { key: 'a', by: 1.5 } }] }, 'mutations[0].sum.by'],
    [{ mutations: [{ sum: { key: 'a', by: 2 ** 60 } }] }, 'mutations[0].sum.by'],
    [{ mutations: [{ max: { key: 'a', value: '9223372036854775808' } }] }, 'mutations[0].max.value'],
    [{ checks: [{ key: 'a' }] }, 'checks[0]'],
    [{ checks: [{ key: 'a', version: 1, absent: true }] }, 'checks[0]'],
    [{ checks: [{ key: 'a', version: 0 }] }, 'checks[0].version'],
    [{ checks: [{ key: 'a', absent: false }] }, 'checks[0].absent'],
    [{ reads: [{}] }, 'reads[0].key'],
    [{ reads: [{ key: 'a', limit: 1 }] }, 'reads[0]'],
    [{ reads: [{ key: 'a', prefix: 'b' }] }, 'reads[0].key'],
    [{ reads: [{ prefix: 'b', limit: 1001 }] }, 'reads[0].limit'],
    [{ causal: 'true' }, 'causal'],
    [{ causalTimeoutMs: 0 }, 'causalTimeoutMs'],
    [[], 'body'],
    [null, 'body'],
    ['x', 'body'],
  ])('refuses %j and names %s', async (body, field) => {
    const answer = await transact(body);
    expect(answer.json()).toMatchObject({
      status: 400,
      code: 'INVALID_ARGUMENT',
      field,
      outcome: 'not-committed',
    });
    expect(http.node.default.transacted).toEqual([]);
  });

  it('is bounded in keys, values, mutations and bytes', async () => {
    const long = 'k'.repeat(limits.keyBytesMax);
    expect((await transact({ mutations: [{ delete: { key: long } }] })).status).toBe(200);
    const key = await transact({ mutations: [{ delete: { key: `${long}k` } }] });
    expect(key.json()).toMatchObject({ status: 413, code: 'KEY_TOO_LARGE', size: limits.keyBytesMax + 1 });
    const value = await transact({
      mutations: [{ set: { key: 'a', value: 'x'.repeat(limits.valueBytesMax) } }],
    });
    expect(value.json()).toMatchObject({ code: 'VALUE_TOO_LARGE', size: limits.valueBytesMax + 2 });
    const many = (count: number) => Array.from({ length: count }, (_, i) => ({ delete: { key: `k${i}` } }));
    expect((await transact({ mutations: many(limits.mutationsMax) })).status).toBe(200);
    const mutations = await transact({ mutations: many(limits.mutationsMax + 1) });
    expect(mutations.json()).toMatchObject({ code: 'TRANSACTION_TOO_LARGE', limit: limits.mutationsMax });
    const body = await transact({
      mutations: [{ set: { key: 'a', value: 'x'.repeat(limits.requestBodyBytesMax) } }],
    });
    expect(body.json()).toMatchObject({ code: 'VALUE_TOO_LARGE', limit: limits.requestBodyBytesMax });
  });
});

async function begin(body?: unknown): Promise<string> {
  const answer =
    body === undefined
      ? await http.send('POST', `${keyspace}/transactions`)
      : await http.post(`${keyspace}/transactions`, body);
  expect(answer.status).toBe(201);
  const { transactionId } = answer.json() as { transactionId: string };
  expect(answer.headers['location']).toBe(`${keyspace}/transactions/${transactionId}`);
  return answer.headers['location']!;
}

describe('an interactive transaction', () => {
  it('buffers writes that it reads itself, and commits them at once', async () => {
    const url = await begin({ isolation: 'snapshot', timeoutMs: 100 });
    expect((await http.put(`${url}/keys/a%2Fb?ttl=3`, 'x', { 'content-type': 'text/plain' })).status).toBe(
      204,
    );
    expect((await http.post(`${url}/mutations`, { mutations: [{ sum: { key: 'n', by: 2 } }] })).status).toBe(
      204,
    );
    expect((await http.send('DELETE', `${url}/keys/c`)).status).toBe(204);
    const inside = await http.get(`${url}/keys/a/b`);
    expect([inside.text, inside.headers['content-type'], inside.headers['etag']]).toEqual([
      'x',
      'text/plain',
      undefined,
    ]);
    expect((await http.get(`${keyspace}/keys/a/b`)).status).toBe(404);
    expect((await http.get(url)).json()).toMatchObject({ state: 'open', snapshot: `${fakeHistory}:0` });
    const committed = await http.send('POST', `${url}/commit`);
    expect(committed.json()).toMatchObject({
      gtid: `${fakeHistory}:1`,
      version: 1,
      results: [null, 2, null],
    });
    expect((await http.post(`${url}/commit`, {})).json()).toEqual(committed.json());
    expect((await http.get(url)).json()).toMatchObject({
      state: 'committed',
      gtid: `${fakeHistory}:1`,
      version: 1,
    });
    expect((await http.get(`${url}/keys/a`)).json()).toMatchObject({
      status: 409,
      code: 'TRANSACTION_FINISHED',
    });
  });

  it('lists in its snapshot, with cursors of its own', async () => {
    for (const key of ['a', 'b']) await http.put(`${keyspace}/keys/${key}`, 'x');
    const url = await begin();
    const first = (await http.get(`${url}/keys?limit=1&keysOnly=true`)).json() as { cursor: string };
    expect((await http.get(`${url}/keys?cursor=${first.cursor}&keysOnly=true`)).json()).toEqual({
      entries: [{ key: 'b', version: 2 }],
    });
    expect((await http.get(`${keyspace}/keys?cursor=${first.cursor}`)).json()).toMatchObject({
      field: 'query.cursor',
    });
    expect((await http.get(`${url}/keys/zz`)).json()).toMatchObject({ status: 404, code: 'KEY_NOT_FOUND' });
  });

  it('rolls back, and says so afterwards', async () => {
    const url = await begin();
    expect((await http.send('POST', `${url}/rollback`)).json()).toMatchObject({
      state: 'aborted',
      code: 'TRANSACTION_ABORTED',
    });
    expect((await http.get(url)).json()).toMatchObject({ state: 'aborted' });
  });

  it('names the node where a strange id may be open', async () => {
    http.node.minter = { node: nodeId('eu-west-1'), httpAddress: 'http://127.0.0.1:8102' };
    const url = `${keyspace}/transactions/${strange}`;
    const where = { node: 'eu-west-1', address: 'http://127.0.0.1:8102' };
    expect((await http.get(url)).json()).toEqual({ transactionId: strange, state: 'unknown', ...where });
    const inside = await http.get(`${url}/keys/a`);
    expect(inside.json()).toMatchObject({
      status: 404,
      code: 'TRANSACTION_NOT_FOUND',
      outcome: 'unknown',
      ...where,
    });
  });

  it('shows why an id was aborted, with a token that includes the winner', async () => {
    const conflict = { key: 'a' as Key, winner: seqno(9) };
    http.node.default.outcomes.set(strange, { state: 'aborted', code: 'CERTIFICATION_CONFLICT', conflict });
    const answer = await http.get(`${keyspace}/transactions/${strange}`);
    expect(answer.json()).toEqual({
      transactionId: strange,
      state: 'aborted',
      code: 'CERTIFICATION_CONFLICT',
      conflict: { key: 'a', gtid: `${fakeHistory}:9` },
    });
    expect(answer.headers['meridian-causality']).toBe(`${fakeHistory}:9`);
  });

  it('refuses ids, bodies, conditions and parameters that it does not know', async () => {
    const url = await begin();
    for (const answer of [
      await http.get(`${keyspace}/transactions/nope`),
      await http.send('POST', `${keyspace}/transactions/4e7a3f62-6c1b-4d0e-9f6e-2b9f1c0d5a11/commit`),
      await http.post(`${url}/commit`, { force: true }),
      await http.post(`${keyspace}/transactions`, { isolation: 'none' }),
      await http.post(`${keyspace}/transactions`, { timeoutMs: limits.transactionIdleMsMax + 1 }),
      await http.put(`${url}/keys/a`, 'x', { 'if-match': '*' }),
      await http.get(`${url}/keys/a?causal=true`),
      await http.post(`${url}/mutations`, { mutations: [{ sum: { key: 'a', by: 'x' } }] }),
      await http.send('DELETE', `${url}/keys/a`, { payload: 'x' }),
    ]) {
      expect(answer.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
    }
    expect(http.node.default.open_.values().next().value!.mutations).toEqual([]);
  });

  it('says of a refusal what is known of the id', async () => {
    const url = await begin();
    const bad = { force: true };
    expect((await http.post(`${url}/commit`, bad)).json()).toMatchObject({ outcome: 'not-committed' });
    await http.post(`${url}/commit`, {});
    expect((await http.post(`${url}/commit`, bad)).json()).toMatchObject({ outcome: 'committed' });
    const other = `${keyspace}/transactions/${strange}/commit`;
    expect((await http.post(other, bad)).json()).toMatchObject({ outcome: 'unknown' });
  });
});
