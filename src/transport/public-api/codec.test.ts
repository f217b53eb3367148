import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anyClusterReply,
  anySessionRequest,
  anySessionResponse,
  anyStateHashReply,
  anyWatchRequest,
  anyWatchResponse,
} from '../../../test/support/public-api-arbitraries.js';
import {
  reflected,
  sessionRequestPlain,
  sessionResponsePlain,
  watchRequestPlain,
  watchResponsePlain,
} from '../../../test/support/public-api-reflection.js';
import type { Key } from '../../model/keys.js';
import {
  decodeCalls,
  decodeSessionRequest,
  decodeSessionResponse,
  decodeWatchRequest,
  decodeWatchResponse,
  encodeSessionRequest,
  encodeSessionResponse,
  encodeWatchRequest,
  encodeWatchResponse,
  MalformedMessage,
  methods,
  type Codec,
} from './codec.js';
import type { Call, Method, ReplyResult } from './messages.js';

interface Case<M> {
  readonly name: string;
  readonly any: fc.Arbitrary<M>;
  readonly codec: Codec<M>;
  readonly plain: (message: M) => object;
}

function message<M>(
  name: string,
  any: fc.Arbitrary<M>,
  codec: Codec<M>,
  plain: (message: M) => object,
): Case<unknown> {
  return { name, any, codec, plain } as Case<unknown>;
}

const asItIs = (given: unknown): object => given as object;

const cases = [
  message(
    'SessionRequest',
    anySessionRequest,
    { encode: encodeSessionRequest, decode: decodeSessionRequest },
    sessionRequestPlain,
  ),
  message(
    'SessionResponse',
    anySessionResponse,
    { encode: encodeSessionResponse, decode: decodeSessionResponse },
    sessionResponsePlain,
  ),
  message(
    'WatchRequest',
    anyWatchRequest,
    { encode: encodeWatchRequest, decode: decodeWatchRequest },
    watchRequestPlain,
  ),
  message(
    'WatchResponse',
    anyWatchResponse,
    { encode: encodeWatchResponse, decode: decodeWatchResponse },
    watchResponsePlain,
  ),
  message('GetClusterResponse', anyClusterReply, methods.getCluster.response, asItIs),
  message('GetStateHashResponse', anyStateHashReply, methods.getStateHash.response, asItIs),
  message('GetStateHashRequest', fc.record({ keyspace: fc.string() }), methods.getStateHash.request, asItIs),
];

describe.each(cases)('$name', ({ name, any, codec, plain }) => {
  const type = reflected(name);

  it('is encoded to what the proto file says', () => {
    fc.assert(
      fc.property(any, (given) => {
        expect(type.decode(codec.encode(given))).toEqual(type.decode(type.encode(plain(given))));
      }),
    );
  });

  it('is decoded from what the proto file says', () => {
    fc.assert(
      fc.property(any, (given) => {
        expect(codec.decode(type.encode(plain(given)))).toEqual(given);
      }),
    );
  });

  it('comes back as it was, also with fields of a later version', () => {
    fc.assert(
      fc.property(any, (given) => {
        const bytes = codec.encode(given);
        expect(codec.decode(bytes)).toEqual(given);
        // Fields 1000 to 1003: a varint, 8 bytes, a text, 4 bytes.
        const later = Buffer.from('c03e8001c13e0102030405060708d23e0378797ad53e01020304', 'hex');
        expect(codec.decode(Buffer.concat([later, bytes]))).toEqual(given);
        expect(codec.decode(Buffer.concat([bytes, later]))).toEqual(given);
      }),
    );
  });

  it('is a message or a MalformedMessage, whatever the bytes', () => {
    const decodes = (bytes: Uint8Array): void => {
      try {
        codec.decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedMessage);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), decodes));
    fc.assert(
      fc.property(any, fc.nat(), (given, at) => {
        const bytes = codec.encode(given);
        decodes(bytes.subarray(0, at % (bytes.length + 1)));
        const broken = Buffer.from(bytes);
        if (broken.length > 0) broken[at % broken.length]! ^= 1 << (at % 8);
        decodes(broken);
      }),
    );
  });
});

describe.each([
  ['read', 'ReadRequest', 'ReadResponse'],
  ['list', 'ListRequest', 'ListResponse'],
  ['transact', 'TransactRequest', 'TransactResponse'],
  ['begin', 'BeginRequest', 'BeginResponse'],
  ['operate', 'OperateRequest', 'OperateResponse'],
  ['commit', 'CommitRequest', 'CommitResponse'],
  ['rollback', 'RollbackRequest', 'TransactionState'],
  ['getTransaction', 'GetTransactionRequest', 'TransactionState'],
] as const)('the unary method %s', (name, requestType, responseType) => {
  it('has the messages of its call in a session', () => {
    const request = methods[name].request as Codec<object>;
    const response = methods[name].response as Codec<object>;
    fc.assert(
      fc.property(anySessionRequest, anySessionResponse, ({ calls }, { replies }) => {
        for (const { method } of calls.filter((call) => call.method.kind === name)) {
          const { kind, ...fields } = method as Method & { kind: typeof name };
          expect(request.decode(request.encode(fields))).toEqual(fields);
          const inCall = reflected('Call').decode(reflected('Call').encode(callPlain(method)));
          expect(reflected(requestType).decode(request.encode(fields))).toEqual(inCall[kind]);
        }
        const kind = responseType === 'TransactionState' ? 'state' : name;
        for (const { result } of replies.filter((reply) => reply.result.kind === kind)) {
          const { reply } = result as Extract<ReplyResult, { kind: typeof kind }>;
          expect(response.decode(response.encode(reply))).toEqual(reply);
        }
      }),
    );
  });
});

function callPlain(method: Method): object {
  const plain = sessionRequestPlain({ calls: [{ id: 1, timeoutMs: 0, method }] });
  return (plain['calls'] as object[])[0]!;
}

const transact = reflected('TransactRequest');

describe('a malformed message', () => {
  it.each([
    [{ isolation: 7 }, 'isolation'],
    [{ checks: [{ version: 1 }, { key: Buffer.from('k') }] }, 'checks[1]'],
    [{ checks: [{ absent: false }] }, 'checks[0].absent'],
    [{ checks: [{ version: '9007199254740992' }] }, 'checks[0].version'],
    [{ reads: [{}] }, 'reads[0]'],
    [{ mutations: [{ delete: Buffer.from('k') }, {}] }, 'mutations[1]'],
    [{ mutations: [{ set: { ttlMs: '18446744073709551615' } }] }, 'mutations[0].set.ttl_ms'],
  ])('names the place: %j', (plain, field) => {
    const refused = caught(() => methods.transact.request.decode(transact.encode(plain)));
    expect(refused).toMatchObject({ name: 'MalformedMessage', field });
  });

  it('is told from the others of a SessionRequest, and can be answered', () => {
    const good: Call = { id: 1, timeoutMs: 0, method: { kind: 'ping' } };
    const bytes = reflected('SessionRequest').encode({
      calls: [{ id: 7, transact: { mutations: [{}] } }, { id: 9 }, { id: 1, ping: {} }],
    });
    expect(decodeCalls(bytes, 3)).toEqual([
      { id: 7, method: expect.objectContaining({ field: 'transact.mutations[0]' }) as unknown },
      { id: 9, method: expect.objectContaining({ field: '' }) as unknown },
      good,
    ]);
    expect(caught(() => decodeSessionRequest(bytes))).toMatchObject({
      field: 'calls[0].transact.mutations[0]',
    });
  });

  it('ends a SessionRequest when the ids of its calls cannot be told', () => {
    expect(caught(() => decodeCalls(Buffer.from([10, 5, 8]), 1))).toMatchObject({ field: 'calls[0]' });
  });

  it('is one with more calls than allowed', () => {
    const bytes = reflected('SessionRequest').encode({ calls: [{ ping: {} }, { ping: {} }] });
    expect(decodeCalls(bytes, 2)).toHaveLength(2);
    expect(caught(() => decodeCalls(bytes, 1))).toMatchObject({ field: 'calls[1]' });
  });
});

describe('values of keys', () => {
  it('are views of what was decoded', () => {
    const bytes = Buffer.from(
      methods.transact.request.encode({
        keyspace: 'default',
        transactionId: '',
        attempt: 0,
        isolation: 'serializable',
        reads: [],
        checks: [],
        mutations: [
          {
            kind: 'set',
            key: 'k' as Key,
            bytes: Buffer.from('abc'),
            contentType: 'text/plain',
            ttlMs: undefined,
          },
        ],
        freshness: { causal: false, token: '', timeoutMs: 0 },
      }),
    );
    const [mutation] = methods.transact.request.decode(bytes).mutations;
    expect(mutation?.kind === 'set' && mutation.bytes.buffer === bytes.buffer).toBe(true);
  });
});

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
