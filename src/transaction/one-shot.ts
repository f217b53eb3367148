import { fail, failure, succeed, type Failure, type JsonValue, type Result } from '../model/errors.js';
import { mintTransactionId, transactionTimeMs } from '../model/transaction-id.js';
import { describeKey, type Key, type KeyRange } from '../model/keys.js';
import type { TransactionId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { AbortedOutcome } from '../model/outcome.js';
import type { AtomicKind } from '../model/value.js';
import { contentHashOf } from '../model/write-set.js';
import type { StoreSnapshot } from '../storage/store.js';
import { commit, resolve } from './commit.js';
import { gtidOf, type KeyspaceContext } from './context.js';
import { tooManyDeleted } from './deleted-ranges.js';
import { awaitFreshness, awaitSeqno, awaitTail, deadline } from './freshness.js';
import type { Check, Committed, MutationRequest, ReadAnswer, TransactRequest } from './service.js';
import { entryBytes, readPage, scannedRange } from './snapshot-reads.js';
import { invalidKey, invalidMutation, invalidRange, tooLarge } from './validation.js';
import { WriteBuffer } from './write-buffer.js';
import { buildSubmission } from './write-set-builder.js';

/** What a one-shot transaction found at its snapshot. */
interface Judged {
  readonly failure: Failure | undefined;
  /** A newer snapshot might judge otherwise, for a reason other than a version that was passed by. */
  readonly mayBeStale: boolean;
}

interface Attempt {
  readonly id: TransactionId;
  readonly contentHash: Buffer;
  /** What is left of the time that the request may wait. */
  readonly leftMs: () => number;
}

/** Runs reads, checks and mutations as one transaction. Without mutations everything holds at the snapshot, locally. */
export async function transact(
  context: KeyspaceContext,
  request: TransactRequest,
): Promise<Result<Committed>> {
  const invalid = invalidRequest(request) ?? context.notServing();
  if (invalid !== undefined) return { ok: false, failure: ofTheId(request, invalid) };
  const id =
    request.id ??
    mintTransactionId(context.runtime.clock.nowMs(), context.runtime.random.bytes(10), context.self);
  const contentHash = contentHashOf([request.isolation, ...request.content]);
  const early = request.mutations.length > 0 ? knownOutcome(context, request, id, contentHash) : undefined;
  if (early !== undefined) return early;
  const leftMs = deadline(context, request.timeoutMs);
  const fresh = await awaitFreshness(context, request);
  if (!fresh.ok) return { ok: false, failure: ofTheId(request, fresh.failure) };
  const versions = request.checks.length === 0 ? fresh : await awaitVersions(context, request, leftMs());
  if (!versions.ok) return { ok: false, failure: ofTheId(request, versions.failure) };
  return judgeAndCommit(context, request, { id, contentHash, leftMs });
}

async function judgeAndCommit(
  context: KeyspaceContext,
  request: TransactRequest,
  { id, contentHash, leftMs }: Attempt,
): Promise<Result<Committed>> {
  let snapshot = context.store.snapshot();
  try {
    let judged = await judge(snapshot, request);
    if (judged.failure !== undefined && judged.mayBeStale && request.mutations.length > 0) {
      const waited = await awaitTail(context, leftMs());
      if (!waited.ok) return { ok: false, failure: ofTheId(request, waited.failure) };
      snapshot.release();
      snapshot = context.store.snapshot();
      judged = await judge(snapshot, request);
    }
    if (judged.failure !== undefined) return await refuse(context, request, id, judged.failure);
    const tooMany = await tooManyDeleted(snapshot, request.mutations);
    if (tooMany !== undefined) return { ok: false, failure: ofTheId(request, tooMany) };
    const { answers, keys, ranges, bytes } = await read(snapshot, request);
    if (bytes > limits.pageBytesMax) {
      const tooMuch = tooLarge('bytes of the values read', bytes, limits.pageBytesMax);
      return { ok: false, failure: ofTheId(request, tooMuch) };
    }
    if (request.mutations.length === 0) {
      const { seqno } = snapshot.head;
      return succeed({ transactionId: id, gtid: gtidOf(snapshot), seqno, results: [], reads: answers });
    }
    const built = buildSubmission({
      id,
      contentHash,
      isolation: request.isolation,
      snapshot: snapshot.head.seqno,
      mutations: request.mutations,
      reads: { keys, ranges, checks: new Set(request.checks.map((check) => check.key)) },
      mayBeRetry: request.mayBeRetry,
    });
    if (!built.ok) return { ok: false, failure: ofTheId(request, built.failure) };
    const attempt = { id, contentHash, submission: built.value, mayBeRetry: request.mayBeRetry };
    return await commit(context, attempt, answers);
  } finally {
    snapshot.release();
  }
}

/** What can be told without the sequencer: an outcome that is here, an attempt in flight, an id too old. */
function knownOutcome(
  context: KeyspaceContext,
  request: TransactRequest,
  id: TransactionId,
  contentHash: Buffer,
): Promise<Result<Committed>> | undefined {
  if (request.id === undefined) return undefined;
  const isKnown = context.commits.has(id) || context.store.outcome(id) !== undefined;
  if (isKnown) {
    const submission = { ...nothing, resolveId: new Uint8Array(0) };
    return commit(context, { id, contentHash, submission, mayBeRetry: true });
  }
  if (transactionTimeMs(id) >= context.store.head.idFloorMs) return undefined;
  const message = 'the transaction id is older than the outcomes that are kept';
  const details = { transactionId: id, floorMs: context.store.head.idFloorMs };
  return Promise.resolve(fail('TRANSACTION_ID_TOO_OLD', message, { outcome: 'unknown', details }));
}

/** Never sent: an id with an outcome or an attempt in flight is answered by that. */
const nothing = {
  writeSet: new Uint8Array(0),
  readKeys: [],
  readRanges: [],
  checkKeys: [],
  retry: true,
  resolveAs: new Uint8Array(0),
};

/** A check of a version that this node has not applied yet waits for it. */
function awaitVersions(context: KeyspaceContext, request: TransactRequest, timeoutMs: number) {
  let newest = context.store.head.seqno;
  for (const { expect } of request.checks) {
    if (typeof expect === 'object' && expect.version > newest) newest = expect.version;
  }
  return awaitSeqno(context, newest, timeoutMs);
}

async function judge(snapshot: StoreSnapshot, request: TransactRequest): Promise<Judged> {
  if (request.checks.length === 0) return judgeKinds(snapshot, request);
  const failed: JsonValue[] = [];
  let mayBeStale = false;
  const actuals = await snapshot.getMany(request.checks.map((check) => check.key));
  request.checks.forEach((check, at) => {
    const actual = actuals[at]?.version;
    if (holds(check, actual)) return;
    failed.push({ key: describeKey(check.key), expected: expectation(check), actual: actual ?? null });
    if (typeof check.expect !== 'object') mayBeStale = true;
  });
  if (failed.length > 0) {
    const message = failed.length === 1 ? 'a check did not hold' : `${failed.length} checks did not hold`;
    return { failure: failure('CHECK_FAILED', message, { details: { checks: failed } }), mayBeStale };
  }
  return judgeKinds(snapshot, request);
}

function holds({ expect }: Check, actual: number | undefined): boolean {
  if (expect === 'absent') return actual === undefined;
  return expect === 'present' ? actual !== undefined : actual === expect.version;
}

function expectation({ expect }: Check): JsonValue {
  return typeof expect === 'object' ? expect.version : expect;
}

/** Atomic mutations want a counter or nothing, as the transaction itself would see it at that place. */
function judgeKinds(snapshot: StoreSnapshot, request: TransactRequest): Judged {
  if (!request.mutations.some(isAtomic)) return nothingWrong;
  const buffer = new WriteBuffer();
  for (const mutation of request.mutations) {
    if (isAtomic(mutation)) {
      const present = buffer.overlay(mutation.key, snapshot.get(mutation.key));
      if (present?.value.kind === 'bytes') {
        return { failure: typeMismatch(mutation.key), mayBeStale: buffer.readsSnapshot(mutation.key) };
      }
    }
    buffer.add(mutation);
  }
  return nothingWrong;
}

const nothingWrong: Judged = { failure: undefined, mayBeStale: false };

function isAtomic(mutation: MutationRequest): mutation is Extract<MutationRequest, { kind: AtomicKind }> {
  return mutation.kind === 'sum' || mutation.kind === 'min' || mutation.kind === 'max';
}

export function typeMismatch(key: Key): Failure {
  const message = `key ${describeKey(key)} holds no counter`;
  return failure('TYPE_MISMATCH', message, { details: { key: describeKey(key) } });
}

/** Stops where `bytes` is above `limits.pageBytesMax`: then the answers are not all. */
async function read(snapshot: StoreSnapshot, request: TransactRequest) {
  const answers: ReadAnswer[] = [];
  const keys = new Set<Key>();
  const ranges: KeyRange[] = [];
  let bytes = 0;
  for (const wanted of request.reads) {
    if (bytes > limits.pageBytesMax) break;
    if (wanted.kind === 'key') {
      const value = snapshot.get(wanted.key);
      keys.add(wanted.key);
      answers.push({ kind: 'key', key: wanted.key, value });
      bytes += value === undefined ? 0 : entryBytes({ key: wanted.key, value });
      continue;
    }
    const page = await readPage(snapshot, wanted.range, { ...wanted, bytesMax: limits.pageBytesMax - bytes });
    ranges.push(scannedRange(wanted.range, page, wanted.reverse));
    answers.push({ kind: 'range', ...page });
    for (const entry of page.entries) bytes += entryBytes(entry);
  }
  return { answers, keys, ranges, bytes };
}

/** Refused by this node. Where another copy of the id may exist, only a tombstone lets it say `not-committed`. */
async function refuse(
  context: KeyspaceContext,
  request: TransactRequest,
  id: TransactionId,
  refused: Failure,
): Promise<Result<Committed>> {
  const told: Failure = { ...refused, details: { ...refused.details, transactionId: id, tombstone: false } };
  if (!request.mayBeRetry || request.mutations.length === 0) return { ok: false, failure: told };
  const code = refused.code as AbortedOutcome['code'];
  const contentHash = contentHashOf([request.isolation, ...request.content]);
  const resolved = await resolve(context, id, { kind: 'aborted', code, conflict: undefined, contentHash });
  const restsOnIt =
    !resolved.ok && resolved.failure.code === code && resolved.failure.outcome === 'not-committed';
  return restsOnIt
    ? { ok: false, failure: { ...told, details: { ...told.details, tombstone: true } } }
    : resolved;
}

/** Of an id that may have been sent before, a refusal proves nothing. */
function ofTheId(request: TransactRequest, refused: Failure): Failure {
  const isUnknown = request.mayBeRetry && request.mutations.length > 0;
  const details =
    request.id === undefined ? refused.details : { ...refused.details, transactionId: request.id };
  return isUnknown ? { ...refused, outcome: 'unknown', details } : { ...refused, details };
}

function invalidRequest(request: TransactRequest): Failure | undefined {
  const { reads, checks, mutations } = request;
  if (mutations.length > limits.mutationsMax)
    return tooLarge('mutations', mutations.length, limits.mutationsMax);
  if (checks.length > limits.checksMax) return tooLarge('checks', checks.length, limits.checksMax);
  if (reads.length > limits.readsMax) return tooLarge('reads', reads.length, limits.readsMax);
  for (const check of checks) {
    const invalid = invalidKey(check.key);
    if (invalid !== undefined) return invalid;
  }
  for (const wanted of reads) {
    const invalid = wanted.kind === 'key' ? invalidKey(wanted.key) : invalidRange(wanted.range);
    if (invalid !== undefined) return invalid;
  }
  for (const mutation of mutations) {
    const invalid = invalidMutation(mutation);
    if (invalid !== undefined) return invalid;
  }
  return undefined;
}
