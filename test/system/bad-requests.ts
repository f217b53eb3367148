import { uuidv7 } from 'uuidv7';
import { limits } from '../../src/model/limits.js';
import type { HttpQuestion } from '../support/http-client.js';

/** A request that must be refused, and what with. */
export interface BadRequest {
  readonly what: string;
  readonly question: HttpQuestion;
  readonly status: number;
  readonly code: string;
}

const keyspace = '/v1/keyspaces/default';
const json = { 'Content-Type': 'application/json' };
const bytes = (text: string | Buffer): Buffer => Buffer.from(text as string);

function bad(
  status: number,
  code: string,
  cases: readonly (readonly [string, HttpQuestion])[],
): BadRequest[] {
  return cases.map(([what, question]) => ({ what, question, status, code }));
}

const post = (path: string, body: unknown, headers?: Record<string, string>): HttpQuestion => ({
  ...{ method: 'POST', path: `${keyspace}${path}`, body },
  ...(headers === undefined ? {} : { headers }),
});
const put = (key: string, more: Partial<HttpQuestion> = {}): HttpQuestion => ({
  ...{ method: 'PUT', path: `${keyspace}/keys/${key}`, body: bytes('x') },
  ...more,
});
const get = (path: string, headers?: Record<string, string>): HttpQuestion => ({
  path: `${keyspace}${path}`,
  ...(headers === undefined ? {} : { headers }),
});
const raw = (text: string | Buffer): HttpQuestion => post('/transact', bytes(text), json);
const mutate = (...mutations: unknown[]): HttpQuestion => post('/transact', { mutations });
const set = (fields: object): HttpQuestion => mutate({ set: { key: 'bad', value: 1, ...fields } });

export const malformedBodies = bad(400, 'INVALID_ARGUMENT', [
  ['malformed JSON', raw('{"mutations":[{"set":{"key":"bad","value":1}}')],
  ['no JSON at all', raw('')],
  ['two JSON texts', raw('{"mutations":[]}{}')],
  ['JSON that is not UTF-8', raw(Buffer.from('{"mutations":[{"delete":{"key":"\xff"}}]}', 'latin1'))],
  ['an array for the body', raw('[]')],
  ['null for the body', raw('null')],
  ['a wrong type for mutations', post('/transact', { mutations: 'all' })],
  ['a wrong type for a key', set({ key: 7 })],
  ['a wrong type for causal', post('/transact', { causal: 'yes' })],
  ['an unknown field', post('/transact', { mutations: [], mutation: [] })],
  ['an unknown field in a mutation', set({ tll: 5 })],
  ['an unknown mutation', mutate({ swap: { key: 'bad' } })],
  ['two mutations in one', mutate({ set: { key: 'bad', value: 1 }, delete: { key: 'bad' } })],
  ['an empty mutation', mutate({})],
  ['__proto__ for the body', raw('{"__proto__":{"mutations":[]}}')],
  ['__proto__ in a value', raw('{"mutations":[{"set":{"key":"bad","value":{"__proto__":{"a":1}}}}]}')],
  ['constructor.prototype', raw('{"constructor":{"prototype":{"a":1}},"mutations":[]}')],
  ['a value that is nested too deeply', raw(deepValue(100_000))],
  ['an empty key', set({ key: '' })],
  ['a lone surrogate in a key', raw('{"mutations":[{"set":{"key":"bad\\ud800","value":1}}]}')],
  ['a lone surrogate in a prefix', raw('{"mutations":[{"deleteRange":{"prefix":"\\udc00"}}]}')],
  ['a key as text and as base64', set({ keyBase64: 'YmFk' })],
  ['a key that is no base64', mutate({ delete: { keyBase64: '*' } })],
  ['a value as JSON and as base64', set({ base64: 'YmFk' })],
  ['a value that is no base64', mutate({ set: { key: 'bad', base64: '?' } })],
  ['a range that ends before it starts', mutate({ deleteRange: { start: 'b', end: 'a' } })],
  ['a deleteRange of everything by accident', mutate({ deleteRange: {} })],
  ['a ttl of 0', set({ ttl: 0 })],
  ['a negative ttl', set({ ttl: -1 })],
  ['a huge ttl', set({ ttl: 1e15 })],
  ['a fraction of a second as ttl', set({ ttl: 0.5 })],
  ['a sum beyond int64', mutate({ sum: { key: 'bad', by: '9223372036854775808' } })],
  ['a sum that JSON cannot say exactly', mutate({ sum: { key: 'bad', by: 1e300 } })],
  ['a sum of a fraction', mutate({ sum: { key: 'bad', by: 1.5 } })],
  ['a check without what is expected', post('/transact', { checks: [{ key: 'bad' }] })],
  [
    'a check that contradicts itself',
    post('/transact', { checks: [{ key: 'bad', version: 1, absent: true }] }),
  ],
  ['a check of version 0', post('/transact', { checks: [{ key: 'bad', version: 0 }] })],
  ['a read of nothing', post('/transact', { reads: [{}] })],
]);

/** A typo must never end in another isolation than the one that was meant. */
export const isolationTypos = bad(
  400,
  'INVALID_ARGUMENT',
  [
    'serialisable',
    'SERIALIZABLE',
    'Snapshot',
    'snapshot ',
    'read-committed',
    '',
    null,
    0,
    ['snapshot'],
  ].flatMap((isolation) => [
    [
      `the isolation ${JSON.stringify(isolation)} of a one-shot`,
      post('/transact', { isolation, mutations: [{ set: { key: 'bad', value: 1 } }] }),
    ],
    [`the isolation ${JSON.stringify(isolation)} of an interactive`, post('/transactions', { isolation })],
  ]),
);

export const malformedPaths = bad(400, 'INVALID_ARGUMENT', [
  ['an empty key in the path', put('')],
  ['the key .', put('.')],
  ['the key ..', put('..')],
  ['the key .. as escapes', put('%2e%2e')],
  ['a lone %', put('%')],
  ['an escape that is none', put('%zz')],
  ['an escape that is cut', put('bad%4')],
  ['escaped bytes that are no UTF-8 in the keyspace', { path: '/v1/keyspaces/%ff/keys/a' }],
  ['a transaction id that is no UUIDv7', get('/transactions/17')],
  ['a UUIDv4 for a transaction id', get('/transactions/8f14e45f-ceea-467f-a7b1-4b0b9b1c5a11')],
]);

export const malformedParameters = bad(400, 'INVALID_ARGUMENT', [
  ['a negative limit', get('/keys?limit=-1')],
  ['a limit of 0', get('/keys?limit=0')],
  ['a limit above the largest', get(`/keys?limit=${limits.listEntriesMax + 1}`)],
  ['a huge limit', get('/keys?limit=99999999999999999999')],
  ['a limit that is no number', get('/keys?limit=ten')],
  ['a limit that is not finite', get('/keys?limit=Infinity')],
  ['a limit in another notation', get('/keys?limit=1e2')],
  ['a limit given twice', get('/keys?limit=1&limit=2')],
  ['an unknown parameter', get('/keys?limt=1')],
  ['__proto__ for a parameter', get('/keys?__proto__=1')],
  ['a flag that is no flag', get('/keys?causal=maybe')],
  ['a malformed escape in the query', get('/keys?prefix=%zz')],
  ['a prefix with a start', get('/keys?prefix=a&start=b')],
  ['a cursor of nobody', get('/keys?cursor=nonsense')],
  ['a wait of 0 ms', get('/keys/a?causal=true&causalTimeoutMs=0')],
  ['a wait that is too long', get(`/keys/a?causal=true&causalTimeoutMs=${limits.causalTimeoutMsMax + 1}`)],
  ['a negative idle limit', post('/transactions', { timeoutMs: -5 })],
  ['an idle limit above the largest', post('/transactions', { timeoutMs: limits.transactionIdleMsMax + 1 })],
  ['a token that is none', get('/keys/a', { 'Meridian-Causality': 'yesterday' })],
  ['an Idempotency-Key that is no UUIDv7', put('bad', { headers: { 'Idempotency-Key': 'once' } })],
  ['an ETag that is none', put('bad', { headers: { 'If-Match': 'W/nonsense' } })],
  ['an encoding of the body', put('bad', { headers: { 'Content-Encoding': 'gzip' } })],
  [
    'a transaction id from the future',
    put('bad', { headers: { 'Idempotency-Key': `7fffffff-ffff-7${uuidv7().slice(15)}` } }),
  ],
]);

const long = 'k'.repeat(limits.keyBytesMax + 1);
const tooMany = Array.from({ length: limits.mutationsMax + 1 }, (_, i) => ({ delete: { key: `bad/${i}` } }));

export const oversized: readonly BadRequest[] = [
  ...bad(413, 'KEY_TOO_LARGE', [
    ['a key that is too long in the path', put(long)],
    ['a key that is too long in JSON', set({ key: long })],
    ['a key whose bytes are too many', set({ key: 'ä'.repeat(limits.keyBytesMax / 2 + 1) })],
    ['a prefix that is too long', get(`/keys?prefix=${long}`)],
  ]),
  ...bad(413, 'VALUE_TOO_LARGE', [
    ['a value that is too large', put('bad', { body: Buffer.alloc(limits.valueBytesMax + 1) })],
    ['a value that is too large in JSON', set({ value: 'v'.repeat(limits.valueBytesMax) })],
    ['a body that is too large', set({ value: 'v'.repeat(limits.requestBodyBytesMax) })],
  ]),
  ...bad(413, 'TRANSACTION_TOO_LARGE', [
    ['too many mutations', mutate(...tooMany)],
    [
      'too many checks',
      post('/transact', { checks: tooMany.map(({ delete: { key } }) => ({ key, absent: true })) }),
    ],
    ['too many reads', post('/transact', { reads: tooMany.map(({ delete: key }) => key) })],
    [
      'a transaction whose parts are fine and whose whole is not',
      mutate(
        ...['a', 'b'].map((key) => ({
          set: { key: `bad/${key}`, base64: Buffer.alloc(600_000).toString('base64') },
        })),
      ),
    ],
  ]),
];

export const unknownThings: readonly BadRequest[] = [
  ...bad(404, 'KEYSPACE_NOT_FOUND', [
    ['an unknown keyspace', { path: '/v1/keyspaces/nope/keys/a' }],
    [
      'a write to an unknown keyspace',
      { method: 'PUT', path: '/v1/keyspaces/Default/keys/a', body: bytes('x') },
    ],
    ['a keyspace named like a property', { path: '/v1/keyspaces/__proto__/keys/a' }],
    ['a keyspace named like a method', { path: '/v1/keyspaces/constructor/state-hash' }],
  ]),
  ...bad(404, 'INVALID_ARGUMENT', [['a path that leads nowhere', { path: '/v1/nothing' }]]),
  ...bad(405, 'INVALID_ARGUMENT', [
    ['a method that is not for the path', { method: 'PATCH', path: `${keyspace}/keys/a` }],
  ]),
  ...bad(415, 'INVALID_ARGUMENT', [
    [
      'a body of another type',
      post('/transact', bytes('{"mutations":[]}'), { 'Content-Type': 'text/plain' }),
    ],
  ]),
  ...bad(404, 'TRANSACTION_NOT_FOUND', [
    ['a read in a transaction that was never begun', get(`/transactions/${uuidv7()}/keys/a`)],
    [
      'a write in a transaction that was never begun',
      { method: 'PUT', path: `${keyspace}/transactions/${uuidv7()}/keys/bad`, body: bytes('x') },
    ],
  ]),
  ...bad(412, 'CHECK_FAILED', [
    ['a condition on a key that is absent', put('bad', { headers: { 'If-Match': '*' } })],
    [
      'conditions that exclude each other',
      put('bad', { headers: { 'If-Match': '*', 'If-None-Match': '*' } }),
    ],
  ]),
  ...bad(409, 'HISTORY_MISMATCH', [
    [
      'a token of another history',
      get('/keys/a', { 'Meridian-Causality': '0d15ea5e-0000-4000-8000-000000000000:1' }),
    ],
    [
      'an ETag of another history',
      put('bad', { headers: { 'If-Match': '"0d15ea5e-0000-4000-8000-000000000000:1"' } }),
    ],
  ]),
  ...bad(410, 'TRANSACTION_ID_TOO_OLD', [
    [
      'an id from before the outcomes that are kept',
      put('bad', { headers: { 'Idempotency-Key': `00000000-0001-7${uuidv7().slice(15)}` } }),
    ],
  ]),
];

function deepValue(depth: number): string {
  return `{"mutations":[{"set":{"key":"bad","value":${'['.repeat(depth)}${']'.repeat(depth)}}}]}`;
}
