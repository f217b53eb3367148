import fc from 'fast-check';
import {
  hashBytes,
  nonceBytes,
  type Entry,
  type EntryContent,
  type EntryItem,
} from '../../src/model/entry.js';
import {
  epoch,
  logPosition,
  seqno,
  uuidFromBytes,
  type KeyspaceId,
  type TransactionId,
} from '../../src/model/ids.js';
import { keyFromBytes, type Key, type KeyRange } from '../../src/model/keys.js';
import { abortCodes, type AbortedOutcome, type LoggedOutcome } from '../../src/model/outcome.js';
import { encodeWriteSet, type Mutation, type WriteSet } from '../../src/model/write-set.js';

const buffer = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));
const uuid = buffer(16).map(uuidFromBytes);
const safeInteger = fc.maxSafeNat();
const latin1 = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const int64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
const ttlMs = fc.oneof(fc.constant(0), safeInteger);

export const anyKey: fc.Arbitrary<Key> = fc.uint8Array({ maxLength: 12 }).map(keyFromBytes);
export const anyRange: fc.Arbitrary<KeyRange> = fc.record({
  start: anyKey,
  end: fc.option(anyKey, { nil: undefined }),
});

export const anyMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    key: anyKey,
    bytes: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
    contentType: latin1,
    ttlMs,
  }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'expire' as const), key: anyKey }),
  fc.record({ kind: fc.constant('deleteRange' as const), range: anyRange }),
  fc.record({
    kind: fc.constantFrom('sum' as const, 'min' as const, 'max' as const),
    key: anyKey,
    operand: int64,
    ttlMs,
    asPlain: fc.boolean(),
  }),
);

export const anyWriteSet: fc.Arbitrary<WriteSet> = fc.record({
  id: uuid as fc.Arbitrary<TransactionId>,
  contentHash: buffer(32),
  isolation: fc.constantFrom('serializable' as const, 'snapshot' as const),
  snapshot: fc.option(safeInteger.map(seqno), { nil: undefined }),
  mutations: fc.array(anyMutation, { maxLength: 8 }),
});

const anyAborted: fc.Arbitrary<AbortedOutcome> = fc.record({
  kind: fc.constant('aborted' as const),
  code: fc.constantFrom(...abortCodes),
  conflict: fc.option(fc.record({ key: anyKey, winner: safeInteger.map(seqno) }), { nil: undefined }),
  contentHash: fc.option(buffer(32), { nil: undefined }),
});

export const anyOutcome: fc.Arbitrary<LoggedOutcome> = fc.oneof(
  anyAborted,
  fc.record({
    kind: fc.constant('committed' as const),
    seqno: safeInteger.map(seqno),
    contentHash: buffer(32),
    results: fc.array(fc.option(int64, { nil: null })),
  }),
);

const anyItem: fc.Arbitrary<EntryItem> = fc.oneof(
  anyWriteSet.map((writeSet) => ({ kind: 'transaction' as const, writeSet: encodeWriteSet(writeSet) })),
  fc.record({
    kind: fc.constant('tombstone' as const),
    id: uuid as fc.Arbitrary<TransactionId>,
    outcome: anyAborted,
  }),
);

const anyContent: fc.Arbitrary<EntryContent> = fc.oneof(
  fc.record({
    kind: fc.constant('genesis' as const),
    keyspaceId: uuid as fc.Arbitrary<KeyspaceId>,
    keyspace: latin1,
  }),
  fc.record({
    kind: fc.constant('batch' as const),
    idFloorMs: safeInteger,
    items: fc.array(anyItem, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('barrier' as const), idFloorMs: safeInteger, node: latin1 }),
  fc.record({ kind: fc.constant('mark' as const), mark: latin1 }),
);

export const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    epoch: safeInteger.map(epoch),
    position: safeInteger.map(logPosition),
    firstSeqno: safeInteger.map(seqno),
    count: fc.nat(0xffff_ffff),
    logTimeMs: safeInteger,
    nonce: buffer(nonceBytes),
    previousHash: buffer(hashBytes),
    content: anyContent,
  })
  .map((entry) => ({ ...entry, kind: entry.content.kind }));
