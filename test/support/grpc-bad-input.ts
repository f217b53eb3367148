import type { Key, KeyRange } from '../../src/model/keys.js';
import { limits } from '../../src/model/limits.js';
import type { MutationRequest } from '../../src/model/request.js';
import type {
  ListMessage,
  Method,
  ReadMessage,
  TransactMessage,
} from '../../src/transport/public-api/messages.js';

const freshness = { causal: false, token: '', timeoutMs: 0 };
const id = '01980000-0000-7000-8000-000000000001';
const key = (text: string): Key => text as Key;
const long = key('k'.repeat(limits.keyBytesMax + 1));
const named = { keyspace: 'default', transactionId: id };

function transact(fields: Partial<TransactMessage>): Method {
  return {
    ...{ kind: 'transact', ...named, attempt: 1, isolation: 'serializable' },
    ...{ reads: [], checks: [], mutations: [], freshness, ...fields },
  };
}

function read(fields: Partial<ReadMessage>): Method {
  return { kind: 'read', keyspace: 'default', keys: [key('k')], freshness, ...fields };
}

function list(fields: Partial<ListMessage>): Method {
  const range: KeyRange = { start: key(''), end: undefined };
  const page = { keyspace: 'default', range, limit: 0, reverse: false, keysOnly: false, freshness };
  return { kind: 'list', ...page, ...fields };
}

function set(fields: Partial<Extract<MutationRequest, { kind: 'set' }>>): MutationRequest {
  const bytes = Buffer.from('x');
  return { kind: 'set', key: key('k'), bytes, contentType: 'text/plain', ttlMs: undefined, ...fields };
}

function many<T>(one: T, count: number): T[] {
  return Array.from({ length: count }, () => one);
}

const at = (field: string) => ({ code: 'INVALID_ARGUMENT', details: { field } });
const sum = { kind: 'sum', key: key(''), operand: 1n, ttlMs: undefined } as const;
const empty = { start: key('b'), end: key('a') };

/** What, the call, and what its failure says. The codec lets all of it through. */
export function createBadInputs(): [string, Method, object][] {
  return [
    ['an unknown keyspace', read({ keyspace: 'nope' }), { code: 'KEYSPACE_NOT_FOUND' }],
    ['no keyspace', read({ keyspace: '' }), { code: 'KEYSPACE_NOT_FOUND' }],
    ['no keys', read({ keys: [] }), at('keys')],
    ['an empty key', read({ keys: [key('a'), key('')] }), at('keys[1]')],
    ['a long key', read({ keys: [long] }), { code: 'KEY_TOO_LARGE' }],
    [
      'too many keys',
      read({ keys: many(key('k'), limits.readsMax + 1) }),
      { code: 'TRANSACTION_TOO_LARGE', details: { limit: limits.readsMax, size: limits.readsMax + 1 } },
    ],
    ['a token that is none', read({ freshness: { ...freshness, token: 'x' } }), at('freshness.token')],
    [
      'a wait too long',
      read({ freshness: { ...freshness, timeoutMs: limits.causalTimeoutMsMax + 1 } }),
      at('freshness.timeout_ms'),
    ],
    ['an empty range', list({ range: empty }), at('range.end')],
    ['a page too large', list({ limit: limits.listEntriesMax + 1 }), at('limit')],
    ['an id that is none', transact({ transactionId: '42' }), at('transaction_id')],
    ['an empty key to read', transact({ reads: [{ kind: 'key', key: key('') }] }), at('reads[0].key')],
    [
      'a page too large to read',
      transact({
        reads: [{ kind: 'range', range: { start: key('a'), end: undefined }, limit: 1001, reverse: false }],
      }),
      at('reads[0].range.limit'),
    ],
    [
      'an empty key to check',
      transact({ checks: [{ key: key(''), expect: 'absent' }] }),
      at('checks[0].key'),
    ],
    [
      'an empty key to set',
      transact({ mutations: [set({}), set({ key: key('') })] }),
      at('mutations[1].set.key'),
    ],
    [
      'no media type',
      transact({ mutations: [set({ contentType: 'x' })] }),
      at('mutations[0].set.content_type'),
    ],
    ['a ttl too long', transact({ mutations: [set({ ttlMs: 2 ** 50 })] }), at('mutations[0].set.ttl_ms')],
    [
      'an empty key to delete',
      transact({ mutations: [{ kind: 'delete', key: key('') }] }),
      at('mutations[0].delete'),
    ],
    [
      'an empty range to delete',
      transact({ mutations: [{ kind: 'deleteRange', range: empty }] }),
      at('mutations[0].delete_range.end'),
    ],
    ['an empty key to sum', transact({ mutations: [sum] }), at('mutations[0].sum.key')],
    [
      'a value too large',
      transact({ mutations: [set({ bytes: Buffer.alloc(limits.valueBytesMax + 1) })] }),
      { code: 'VALUE_TOO_LARGE' },
    ],
    [
      'too many mutations',
      transact({ mutations: many(set({}), limits.mutationsMax + 1) }),
      { code: 'TRANSACTION_TOO_LARGE' },
    ],
    [
      'too long idle',
      { kind: 'begin', keyspace: 'default', isolation: 'snapshot', freshness, idleTimeoutMs: 30_001 },
      at('idle_timeout_ms'),
    ],
    [
      'no id to commit',
      { kind: 'commit', keyspace: 'default', transactionId: '', mutations: [] },
      at('transaction_id'),
    ],
  ];
}
