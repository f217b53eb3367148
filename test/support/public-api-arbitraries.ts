import fc from 'fast-check';
import { seqno } from '../../src/model/ids.js';
import type { Key } from '../../src/model/keys.js';
import type { Check, MutationRequest, ReadRequest } from '../../src/model/request.js';
import type { VersionedValue } from '../../src/model/value.js';
import type {
  Call,
  ClusterReply,
  CommitEventMessage,
  CommitReply,
  FailureMessage,
  FreshnessFields,
  ListedEntry,
  Method,
  PresentEntry,
  ReadAnswerMessage,
  Reply,
  ReplyResult,
  SessionRequest,
  SessionResponse,
  StateReply,
  WatchMessage,
  WatchReply,
} from '../../src/transport/public-api/messages.js';
import { anyKey, anyRange } from './model-arbitraries.js';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const uint32 = fc.oneof(fc.constant(0), fc.nat(300), fc.nat(0xffff_ffff));
const uint64 = fc.oneof(fc.constant(0), fc.nat(300), fc.maxSafeNat());
const extremes = [0n, 1n, -1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)];
const int64 = fc.oneof(
  fc.constantFrom(...extremes),
  fc.bigInt(-300n, 300n),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);
const bytes = fc.uint8Array({ maxLength: 40 }).map((given) => Buffer.from(given));
const contentType = fc.constantFrom(
  'application/octet-stream',
  'application/json',
  'text/plain; charset=utf-8',
);
const ttlMs = fc.option(
  uint64.map((ms) => ms + (ms < Number.MAX_SAFE_INTEGER ? 1 : 0)),
  { nil: undefined },
);
const flag = fc.boolean();
const key: fc.Arbitrary<Key> = anyKey;
const rest = fc.option(anyRange, { nil: undefined });
const few = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { maxLength: 4 });

const freshness: fc.Arbitrary<FreshnessFields> = fc.record({ causal: flag, token: text, timeoutMs: uint32 });
const isolation = fc.constantFrom('serializable' as const, 'snapshot' as const);

const value: fc.Arbitrary<VersionedValue> = fc.record({
  version: uint64.map(seqno),
  value: fc.oneof(
    fc.record({ kind: fc.constant('bytes' as const), bytes, contentType }),
    fc.record({ kind: fc.constant('counter' as const), count: int64 }),
  ),
  expiresAtMs: ttlMs,
});
const entry: fc.Arbitrary<PresentEntry> = fc.record({ key, value });

const read: fc.Arbitrary<ReadRequest> = fc.oneof(
  fc.record({ kind: fc.constant('key' as const), key }),
  fc.record({ kind: fc.constant('range' as const), range: anyRange, limit: uint32, reverse: flag }),
);
const check: fc.Arbitrary<Check> = fc.record({
  key,
  expect: fc.oneof(
    fc.constantFrom('absent' as const, 'present' as const),
    fc.record({ version: uint64.map(seqno) }),
  ),
});
const mutation: fc.Arbitrary<MutationRequest> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key, bytes, contentType, ttlMs }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({ kind: fc.constant('deleteRange' as const), range: anyRange }),
  fc.record({
    kind: fc.constantFrom('sum' as const, 'min' as const, 'max' as const),
    key,
    operand: int64,
    ttlMs,
  }),
);

const named = { keyspace: text, transactionId: text };
const method: fc.Arbitrary<Method> = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), keyspace: text, keys: few(key), freshness }),
  fc.record({
    kind: fc.constant('list' as const),
    keyspace: text,
    range: anyRange,
    limit: uint32,
    reverse: flag,
    keysOnly: flag,
    freshness,
  }),
  fc.record({
    kind: fc.constant('transact' as const),
    ...named,
    attempt: uint32,
    isolation,
    reads: few(read),
    checks: few(check),
    mutations: few(mutation),
    freshness,
  }),
  fc.record({
    kind: fc.constant('begin' as const),
    keyspace: text,
    isolation,
    freshness,
    idleTimeoutMs: uint32,
  }),
  fc.record({ kind: fc.constant('operate' as const), ...named, mutations: few(mutation), reads: few(read) }),
  fc.record({ kind: fc.constant('commit' as const), ...named, mutations: few(mutation) }),
  fc.record({ kind: fc.constantFrom('rollback' as const, 'getTransaction' as const), ...named }),
  fc.record({ kind: fc.constant('ping' as const) }),
  fc.record({ kind: fc.constant('cancel' as const), id: uint32 }),
);
const call: fc.Arbitrary<Call> = fc.record({ id: uint32, timeoutMs: uint32, method });
export const anySessionRequest: fc.Arbitrary<SessionRequest> = fc.record({ calls: few(call) });

const commit: fc.Arbitrary<CommitReply> = fc.record({
  transactionId: text,
  gtid: text,
  results: few(fc.option(int64)),
});
const answer: fc.Arbitrary<ReadAnswerMessage> = fc.record({ entries: few(entry), rest });
const listed: fc.Arbitrary<ListedEntry> = fc.oneof(
  entry.map((one) => ({ key: one.key, version: one.value.version, value: one.value })),
  fc.record({ key, version: uint64, value: fc.constant(undefined) }),
);
const state: fc.Arbitrary<StateReply> = fc.oneof(
  fc.record({ state: fc.constant('open' as const), snapshot: text }),
  fc.record({ state: fc.constant('committed' as const), commit }),
  fc.record({
    state: fc.constant('aborted' as const),
    code: text,
    conflict: fc.option(fc.record({ key, gtid: text }), { nil: undefined }),
  }),
  fc.record({ state: fc.constant('unknown' as const), node: text, httpAddress: text }),
);
const failure: fc.Arbitrary<FailureMessage> = fc.record({
  code: text,
  message: text,
  outcome: text,
  retry: text,
  token: text,
  detailsJson: text,
});

const replyOf = <Kind extends string, T>(kind: Kind, reply: fc.Arbitrary<T>) =>
  fc.record({ kind: fc.constant(kind), reply });
const result: fc.Arbitrary<ReplyResult> = fc.oneof(
  fc.record({ kind: fc.constant('failure' as const), failure }),
  replyOf('read' as const, fc.record({ gtid: text, values: few(fc.option(value, { nil: undefined })) })),
  replyOf('list' as const, fc.record({ gtid: text, entries: few(listed), rest })),
  replyOf('transact' as const, fc.record({ commit, reads: few(answer) })),
  replyOf('begin' as const, fc.record({ transactionId: text, snapshot: text })),
  replyOf('operate' as const, fc.record({ reads: few(answer) })),
  replyOf('commit' as const, commit),
  replyOf('state' as const, state),
  replyOf('pong' as const, fc.record({ serverTimeMs: uint64, serving: flag })),
);
const reply: fc.Arbitrary<Reply> = fc.record({ id: uint32, result });
export const anySessionResponse: fc.Arbitrary<SessionResponse> = fc.record({
  welcome: fc.option(
    fc.record({ cluster: text, node: text, region: text, serverTimeMs: uint64, callsMax: uint32 }),
    { nil: undefined },
  ),
  replies: few(reply),
});

export const anyWatchRequest: fc.Arbitrary<WatchMessage> = fc.record({
  keyspace: text,
  from: text,
  range: anyRange,
});
const commitEvent: fc.Arbitrary<CommitEventMessage> = fc.record({
  gtid: text,
  timeMs: uint64,
  changes: few(
    fc.oneof(
      fc.record({ kind: fc.constant('set' as const), key, value }),
      fc.record({ kind: fc.constant('deleted' as const), key }),
      fc.record({ kind: fc.constant('deletedRange' as const), range: anyRange }),
    ),
  ),
});
export const anyWatchResponse: fc.Arbitrary<WatchReply> = fc.record({
  commits: few(commitEvent),
  position: text,
});

export const anyClusterReply: fc.Arbitrary<ClusterReply> = fc.record({
  cluster: text,
  node: text,
  region: text,
  version: text,
  json: text,
});
export const anyStateHashReply = fc.record({ hash: text, keys: uint64, gtid: text });
