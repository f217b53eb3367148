import { assertNever } from '../model/assert.js';
import { ByteWriter } from '../model/bytes.js';
import {
  fail,
  failure,
  succeed,
  type Failure,
  type JsonValue,
  type OutcomeWord,
  type Result,
} from '../model/errors.js';
import { uuidToBytes, type Seqno, type TransactionId } from '../model/ids.js';
import { describeKey } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { encodeAborted, type AbortedOutcome, type Conflict } from '../model/outcome.js';
import type { Submission } from '../transport/messages.js';
import { gtidAt, type KeyspaceContext } from './context.js';
import type { CommitAttempt, Settled } from './pending-commits.js';
import type { Committed, ReadAnswer } from './service.js';

const noBytes = new Uint8Array(0);

/** Submits and waits for the outcome, as long as `limits.commitTimeoutMs`; then it is unknown, and still pursued. */
export async function commit(
  context: KeyspaceContext,
  attempt: CommitAttempt,
  reads: readonly ReadAnswer[] = [],
): Promise<Result<Committed>> {
  const settled = await withTimeout(context, context.commits.submit(attempt));
  return settled === 'timeout'
    ? outcomeUnknown(context, attempt.id)
    : resultOf(context, settled, attempt, reads);
}

/** The outcome of an id; if it has none, from now on `tombstone` (undefined: rolled back, whatever the content). */
export async function resolve(
  context: KeyspaceContext,
  id: TransactionId,
  tombstone?: AbortedOutcome,
): Promise<Result<Committed>> {
  const writer = new ByteWriter(64);
  if (tombstone !== undefined) encodeAborted(writer, tombstone);
  const submission: Submission = {
    writeSet: noBytes,
    readKeys: [],
    readRanges: [],
    checkKeys: [],
    retry: true,
    resolveId: uuidToBytes(id),
    resolveAs: writer.finish(),
  };
  return commit(context, { id, contentHash: tombstone?.contentHash, submission, mayBeRetry: true });
}

function withTimeout(context: KeyspaceContext, settled: Promise<Settled>): Promise<Settled | 'timeout'> {
  return new Promise((done) => {
    const cancel = context.runtime.timers.after(limits.commitTimeoutMs, () => done('timeout'));
    void settled.then((outcome) => {
      cancel();
      done(outcome);
    });
  });
}

function resultOf(
  context: KeyspaceContext,
  settled: Settled,
  { id, submission }: CommitAttempt,
  reads: readonly ReadAnswer[],
): Result<Committed> {
  switch (settled.kind) {
    case 'logged': {
      const { outcome } = settled;
      if (outcome.kind === 'aborted') return { ok: false, failure: abortFailure(context, id, outcome, true) };
      const { seqno, results } = outcome;
      // Another attempt of the id may have committed: it read at a snapshot of its own, so these reads are not its.
      const isOwn =
        settled.committed !== undefined && Buffer.compare(settled.committed, submission.writeSet) === 0;
      return succeed({
        transactionId: id,
        gtid: gtidAt(context, seqno),
        seqno,
        results,
        reads: isOwn ? reads : [],
      });
    }
    case 'aborted': {
      const aborted = abortFailure(context, id, settled.outcome, false);
      const oldest = aborted.code === 'SNAPSHOT_TOO_OLD' ? { oldest: Number(settled.detail) } : {};
      return { ok: false, failure: { ...aborted, details: { ...aborted.details, ...oldest } } };
    }
    case 'refused':
      return { ok: false, failure: refusal(id, settled) };
    case 'reused':
      return { ok: false, failure: idReused(context, id, settled.seqno) };
    default:
      return assertNever(settled);
  }
}

/** `tombstone`: the log says that the id will never commit. Otherwise there is no other copy of it that could. */
function abortFailure(
  context: KeyspaceContext,
  id: TransactionId,
  { code, conflict }: AbortedOutcome,
  tombstone: boolean,
): Failure {
  const aborted =
    conflict === undefined
      ? failure(code, abortMessages[code], { details: { transactionId: id } })
      : conflictFailure(context, code, conflict, id);
  return { ...aborted, details: { ...aborted.details, tombstone } };
}

const abortMessages: Readonly<Record<AbortedOutcome['code'], string>> = {
  CERTIFICATION_CONFLICT: 'a key that the transaction depends on was written after its snapshot',
  TRANSACTION_ABORTED: 'the transaction was rolled back, or resolved as never to commit',
  SNAPSHOT_TOO_OLD: 'the snapshot is below the window of recent commits; begin anew',
  CHECK_FAILED: 'a check did not hold',
  TYPE_MISMATCH: 'an atomic mutation names a key that holds no counter',
};

/** Names the key and the commit that won; the answer's token includes it, so that a retry begins after it. */
export function conflictFailure(
  context: KeyspaceContext,
  code: AbortedOutcome['code'],
  conflict: Conflict,
  id: TransactionId,
): Failure {
  const winner = gtidAt(context, conflict.winner);
  const key = describeKey(conflict.key);
  const message = `key ${key} was written by ${winner} after the transaction's snapshot`;
  return failure(code, message, {
    details: { conflict: { key, gtid: winner }, transactionId: id, tombstone: false },
    token: winner,
  });
}

function refusal(id: TransactionId, settled: Extract<Settled, { kind: 'refused' }>): Failure {
  const outcome: OutcomeWord =
    settled.certain && settled.code !== 'TRANSACTION_ID_TOO_OLD' ? 'not-committed' : 'unknown';
  const retryAfter: Record<string, JsonValue> = settled.code === 'OVERLOADED' ? { retryAfterMs: 1000 } : {};
  return failure(settled.code, settled.detail, { outcome, details: { transactionId: id, ...retryAfter } });
}

/** `outcome` speaks of the id, never `not-committed`: with another content it may yet be anybody's. */
function idReused(context: KeyspaceContext, id: TransactionId, at: Seqno | undefined): Failure {
  const message = 'the transaction id was used before with another content';
  if (at === undefined)
    return failure('TRANSACTION_ID_REUSED', message, { outcome: 'unknown', details: { transactionId: id } });
  const token = gtidAt(context, at);
  const details = { transactionId: id, gtid: token };
  return failure('TRANSACTION_ID_REUSED', message, { outcome: 'committed', details, token });
}

function outcomeUnknown(context: KeyspaceContext, id: TransactionId): Result<never> {
  const ask = `/v1/keyspaces/${context.name}/transactions/${id}`;
  const message = 'COMMIT was sent and its outcome is not known yet; ask for it, or submit the same id again';
  return fail('COMMIT_OUTCOME_UNKNOWN', message, { outcome: 'unknown', details: { transactionId: id, ask } });
}
