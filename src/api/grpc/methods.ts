import { fail, failure, type Failure, type OutcomeWord, type Result } from '../../model/errors.js';
import { parseTransactionId, type TransactionId } from '../../model/ids.js';
import { mintTransactionId } from '../../model/transaction-id.js';
import type { KeyspaceService } from '../../transaction/service.js';
import type { ReplyResult } from '../../transport/public-api/messages.js';
import { keyspaceNotFound, knownOutcome } from '../refusals.js';
import { prepare, type GrpcContext, type KeyspaceMethod } from './prepare.js';

export type { GrpcContext, KeyspaceMethod } from './prepare.js';

/** Runs one call. Never rejects: what is thrown is a bug or a failing disk, and told as INTERNAL. */
export async function runMethod(
  context: GrpcContext,
  method: KeyspaceMethod,
  timeoutMs: number,
): Promise<Result<ReplyResult>> {
  const { node, runtime } = context;
  const service = node.keyspace(method.keyspace);
  if (service === undefined) return refused(undefined, method, keyspaceNotFound(method.keyspace).failure);
  if (node.draining) return refused(service, method, draining());
  try {
    const work = prepare({ node, runtime, service, message: method, timeoutMs });
    return work.ok ? await work.value() : refused(service, method, work.failure);
  } catch (error) {
    runtime.logger.error({ err: error, method: method.kind }, 'a call failed');
    const outcome = mayCommit(method) ? 'unknown' : 'not-committed';
    return fail('INTERNAL', 'an unexpected error; the log of the node has it', { outcome });
  }
}

/** A call of which nothing has been asked of its keyspace. */
function refused(
  service: KeyspaceService | undefined,
  method: KeyspaceMethod,
  why: Failure,
): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { ...why, outcome: outcomeOfRefusal(service, method, why) } };
}

/** Refused before anything of it was begun: `what` is full. */
export function tooManyCalls(method: KeyspaceMethod, what: string): Failure {
  return failure('OVERLOADED', what, {
    outcome: mayBeRepetition(method) ? 'unknown' : 'not-committed',
    details: { retryAfterMs: 100 },
  });
}

export function draining(): Failure {
  return failure('NODE_NOT_READY', 'the node is draining; take another one', {
    details: { state: 'draining' },
  });
}

/**
 * `outcome` speaks of the id: another attempt of the same id may have committed, so a refusal that knows nothing of
 * it says `unknown`. A first attempt knows that there is no other.
 */
function outcomeOfRefusal(
  service: KeyspaceService | undefined,
  method: KeyspaceMethod,
  refused: Failure,
): OutcomeWord {
  if (!('transactionId' in method)) return refused.outcome;
  if (!mayBeRepetition(method)) return refused.outcome;
  const id = parseTransactionId(method.transactionId);
  if (id === undefined) return refused.outcome;
  return service === undefined ? 'unknown' : knownOutcome(service, id);
}

/** Whether the id of a call may have been sent before. */
export function mayBeRepetition(method: KeyspaceMethod): boolean {
  if (method.kind === 'transact') return method.transactionId !== '' && method.attempt !== 1;
  return 'transactionId' in method;
}

/** Whether a call may have committed something when its answer did not come. */
function mayCommit(method: KeyspaceMethod): boolean {
  if (method.kind === 'transact') return method.mutations.length > 0;
  return method.kind === 'commit' || method.kind === 'rollback';
}

/**
 * The call under an id that its timeout can name: a transaction without one gets it here instead of in the node. It
 * is looked up like every id that a client sent, so only calls that may time out pay for it.
 */
export function withId({ node, runtime }: GrpcContext, method: KeyspaceMethod): KeyspaceMethod {
  if (method.kind !== 'transact' || method.transactionId !== '' || method.mutations.length === 0)
    return method;
  const { clock, random } = runtime;
  const transactionId = mintTransactionId(clock.nowMs(), random.bytes(10), node.node);
  return { ...method, transactionId, attempt: 1 };
}

/** What a call is told whose time is over while it runs. */
export function timedOut(method: KeyspaceMethod): Failure {
  if (!mayCommit(method) || !('transactionId' in method)) {
    return failure('CAUSAL_READ_TIMEOUT', 'the time of the call is over');
  }
  const { transactionId, keyspace } = method;
  const message =
    'the time of the call is over and its outcome not known; ask for it, or send the same id again';
  const ask = `/v1/keyspaces/${keyspace}/transactions/${transactionId}`;
  return failure('COMMIT_OUTCOME_UNKNOWN', message, { outcome: 'unknown', details: { transactionId, ask } });
}

/** A transaction that was begun for a caller who no longer waits is given back. */
export function abandon({ node }: GrpcContext, method: KeyspaceMethod, result: Result<ReplyResult>): void {
  if (method.kind !== 'begin' || !result.ok || result.value.kind !== 'begin') return;
  void node.keyspace(method.keyspace)?.rollback(result.value.reply.transactionId as TransactionId);
}
