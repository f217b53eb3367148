import type { Isolation } from '../model/write-set.js';
import type { CommitReply } from '../transport/public-api/messages.js';
import type { Answer, Calls } from './calls.js';
import { ConflictError, errorOf, type MeridianError } from './errors.js';
import type { NodeLink } from './node-link.js';
import { commitOneShot } from './one-shot-commit.js';
import { Operations, type Begun, type RunFailure } from './operations.js';
import { commitOf, settleOutcome, type SettledOutcome } from './outcomes.js';
import type { Commit } from './options.js';
import type { Bounds, CallOutcome } from './session.js';
import { Transaction } from './transaction.js';
import type { Reader } from './values.js';

export interface TransactRequest {
  readonly keyspace: string;
  readonly isolation: Isolation;
  readonly causal: boolean;
  readonly maxAttempts: number;
}

/** What the function of a transaction returned in the run that was committed. */
export interface Transacted<T> extends Commit {
  readonly value: T;
  /** How often the function ran: 1 when the first run was committed. */
  readonly runs: number;
}

type Run<T> =
  | { readonly kind: 'committed'; readonly value: T; readonly commit: Commit }
  /** Proven: nothing of the run was or will be committed. */
  | { readonly kind: 'failed'; readonly failure: RunFailure };

type Unanswered = Exclude<CallOutcome, Answer>;

/**
 * Runs the function until a run is committed. It never runs again before the run before is proven not to be committed; when
 * that cannot be proven in time, OutcomeUnknownError says so.
 */
export async function transact<T, K>(
  calls: Calls,
  reader: Reader<K>,
  request: TransactRequest & { readonly body: (tx: Transaction<K>) => Promise<T> | T },
  bounds: Bounds,
): Promise<Transacted<T>> {
  let not: NodeLink | undefined;
  for (let tries = 0, conflicts = 0; ; tries++) {
    const { keyspace, isolation, causal } = request;
    const operations = new Operations(calls, { keyspace, isolation, causal, bounds, tries, not });
    const run = await runOnce(new TransactionRun(calls, operations, request, bounds), reader, request.body);
    if (run.kind === 'committed') return { value: run.value, ...run.commit, runs: tries + 1 };
    const { error, next } = run.failure;
    if (error instanceof ConflictError && ++conflicts >= request.maxAttempts) throw error;
    if (next === undefined || !(await calls.pause(next.delayMs, bounds))) throw error;
    not = next.not;
  }
}

async function runOnce<T, K>(
  run: TransactionRun,
  reader: Reader<K>,
  body: (tx: Transaction<K>) => Promise<T> | T,
): Promise<Run<T>> {
  const { operations } = run;
  const tx = new Transaction<K>(operations, reader);
  let value: T;
  try {
    value = await body(tx);
  } catch (error) {
    tx.end();
    operations.abandon();
    // Whatever the function made of an operation that failed, it worked on a transaction that was over.
    if (operations.failure?.next !== undefined) return { kind: 'failed', failure: operations.failure };
    throw error;
  }
  tx.end();
  await operations.idle();
  const ended = await run.commit();
  if ('failure' in ended) return { kind: 'failed', failure: ended.failure };
  return { kind: 'committed', value, commit: ended.commit };
}

/** What becomes of a run whose function has returned. */
class TransactionRun {
  readonly operations: Operations;
  readonly #calls: Calls;
  readonly #request: TransactRequest;
  readonly #bounds: Bounds;

  constructor(calls: Calls, operations: Operations, request: TransactRequest, bounds: Bounds) {
    this.#calls = calls;
    this.operations = operations;
    this.#request = request;
    this.#bounds = bounds;
  }

  async commit(): Promise<{ readonly commit: Commit } | { readonly failure: RunFailure }> {
    const { operations } = this;
    if (operations.failure !== undefined) return this.#ended(operations.failure);
    const { begun, mutations, checks } = operations;
    if (begun === undefined) return { commit: await this.#oneShot() };
    if (checks.length > 0) {
      const failed = await operations.failedChecks();
      if (failed.length > 0) return this.#ended({ error: checkFailed(failed), next: undefined });
    }
    if (mutations.length === 0) {
      operations.abandon();
      const { transactionId, snapshot } = begun;
      return { commit: commitOf({ transactionId, gtid: snapshot, results: [] }) };
    }
    return this.#interactive(begun);
  }

  /** Before COMMIT. (After it a ROLLBACK would have a tombstone written for nothing.) */
  #ended(failure: RunFailure): { readonly failure: RunFailure } {
    this.operations.abandon();
    return { failure };
  }

  async #oneShot(): Promise<Commit> {
    const { mutations, checks } = this.operations;
    const { keyspace } = this.#request;
    if (mutations.length === 0 && checks.length === 0) {
      return { transactionId: '', gtid: this.#calls.causality.token(keyspace), version: 0, results: [] };
    }
    return commitOf(await commitOneShot(this.#calls, { ...this.#request, mutations, checks }, this.#bounds));
  }

  async #interactive({ link, session, transactionId }: Begun) {
    const { keyspace } = this.#request;
    const mutations = this.operations.unsent;
    const commit = { kind: 'commit', keyspace, transactionId, mutations } as const;
    const outcome = await session.call(commit, this.#bounds).catch((tooLarge: unknown) => {
      this.operations.abandon();
      throw tooLarge;
    });
    if (outcome.kind === 'commit') return { commit: this.#committed(outcome.reply) };
    const unanswered = outcome as Unanswered;
    if (isProof(unanswered)) return this.#refused(this.operations.failureOf(unanswered, link));
    const settled = await settleOutcome(this.#calls, { keyspace, transactionId }, this.#bounds);
    if (settled.state === 'committed') return { commit: settled.commit };
    return { failure: this.#settledAbort(transactionId, settled) };
  }

  /** Where nothing is tried again the node may have refused before it took the COMMIT, and hold the transaction open. */
  #refused(failure: RunFailure): { readonly failure: RunFailure } {
    return failure.next === undefined ? this.#ended(failure) : { failure };
  }

  #committed(reply: CommitReply): Commit {
    this.#calls.causality.note(this.#request.keyspace, reply.gtid);
    return commitOf(reply);
  }

  #settledAbort(
    transactionId: string,
    { code, conflict }: Extract<SettledOutcome, { state: 'aborted' }>,
  ): RunFailure {
    const details = { transactionId, tombstone: true, ...(conflict === undefined ? {} : { conflict }) };
    const message = 'the transaction was aborted, and its COMMIT was not answered';
    const error = errorOf({ code: code as MeridianError['code'], message, retry: 'new-snapshot', details });
    return { error, next: error instanceof ConflictError ? { delayMs: 0, not: undefined } : undefined };
  }
}

/** COMMIT is sent once. It was not sent, or the node that sent it on says that it was aborted: nothing was committed. */
function isProof(outcome: Unanswered): boolean {
  return outcome.kind === 'failure' ? outcome.failure.outcome === 'not-committed' : !outcome.sent;
}

function checkFailed(checks: readonly object[]): MeridianError {
  const message = checks.length === 1 ? 'a check did not hold' : `${checks.length} checks did not hold`;
  return errorOf({ code: 'CHECK_FAILED', message, details: { checks: checks as never } });
}
