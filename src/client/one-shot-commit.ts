import type { TransactionId } from '../model/ids.js';
import { mintTransactionId } from '../model/transaction-id.js';
import type { Check, MutationRequest } from '../model/request.js';
import type { Isolation } from '../model/write-set.js';
import type { CommitReply, Method } from '../transport/public-api/messages.js';
import { isAnswer, type Answer, type Calls, type NextTry } from './calls.js';
import { ConflictError, deadlineExceeded, outcomeUnknown, type MeridianError } from './errors.js';
import { freshnessOf } from './freshness.js';
import type { NodeLink } from './node-link.js';
import type { Bounds, CallOutcome } from './session.js';

export interface OneShotRequest {
  readonly keyspace: string;
  readonly isolation: Isolation;
  readonly checks: readonly Check[];
  readonly mutations: readonly MutationRequest[];
  readonly causal: boolean;
  readonly maxAttempts: number;
}

type Settled =
  | { readonly kind: 'committed'; readonly commit: CommitReply }
  /** Proven: this id will never commit. `next`: how another may. */
  | { readonly kind: 'not-committed'; readonly error: MeridianError; readonly next: NextTry | undefined };

type Unanswered = Exclude<CallOutcome, Answer>;

/** Commits once, under as many ids as it takes: a new one only when the one before is proven not to have committed. */
export async function commitOneShot(
  calls: Calls,
  request: OneShotRequest,
  bounds: Bounds,
): Promise<CommitReply> {
  const { keyspace } = request;
  if (request.mutations.length === 0) return judgeOnly(calls, request, bounds);
  let not: NodeLink | undefined;
  for (let tries = 0, conflicts = 0; ; tries++) {
    const settled = await new OneShotCommit(calls, request, bounds).settle(not, tries);
    if (settled.kind === 'committed') {
      calls.causality.note(keyspace, settled.commit.gtid);
      return settled.commit;
    }
    const { error, next } = settled;
    if (error instanceof ConflictError && ++conflicts >= request.maxAttempts) throw error;
    if (next === undefined || !(await calls.pause(next.delayMs, bounds))) throw error;
    not = next.not;
  }
}

/** Checks alone write nothing: there is no id to keep. */
async function judgeOnly(calls: Calls, request: OneShotRequest, bounds: Bounds): Promise<CommitReply> {
  const make = (): Method => methodOf(calls, request, { id: '', attempt: 0, bounds });
  const answer = await calls.ask(request.keyspace, make, bounds);
  const { commit } = (answer as Extract<Answer, { kind: 'transact' }>).reply;
  calls.causality.note(request.keyspace, commit.gtid);
  return commit;
}

/** One transaction id, from its first attempt to its outcome. */
class OneShotCommit {
  readonly #calls: Calls;
  readonly #request: OneShotRequest;
  readonly #bounds: Bounds;
  #id: TransactionId | undefined;
  /** How many times the id may have reached a node. */
  #attempt = 0;
  #last: MeridianError | undefined;

  constructor(calls: Calls, request: OneShotRequest, bounds: Bounds) {
    this.#calls = calls;
    this.#request = request;
    this.#bounds = bounds;
  }

  /** Throws OutcomeUnknownError when it cannot be learned; the signal's reason when nothing was sent. */
  async settle(first: NodeLink | undefined, triesBefore: number): Promise<Settled> {
    const { keyspace } = this.#request;
    let not = first;
    for (let tries = triesBefore; ; tries++) {
      const link = this.#calls.nodes.pick(keyspace, not) ?? (await this.#nextNode(not));
      if (link === undefined) return this.#giveUp(this.#last ?? this.#calls.nodes.unreachable());
      const outcome = await this.#attemptAt(link);
      if (outcome.kind === 'transact') return { kind: 'committed', commit: outcome.reply.commit };
      const settled = await this.#judge(outcome as Unanswered, link, tries);
      if ('settled' in settled) return settled.settled;
      not = settled.not;
    }
  }

  async #attemptAt(link: NodeLink): Promise<CallOutcome> {
    const { session } = link;
    const { runtime } = this.#calls;
    // An id that was never sent may have become old while it waited.
    if (this.#attempt === 0) this.#id = mintTransactionId(session.serverTimeMs(), runtime.random.bytes(10));
    const number = this.#attempt + 1;
    const named = { id: this.#id!, attempt: number, bounds: this.#bounds };
    const outcome = await session.call(methodOf(this.#calls, this.#request, named), this.#bounds);
    if (isAnswer(outcome) || outcome.kind === 'failure' || outcome.sent) this.#attempt = number;
    return outcome;
  }

  async #judge(
    outcome: Unanswered,
    link: NodeLink,
    tries: number,
  ): Promise<{ readonly settled: Settled } | { readonly not: NodeLink | undefined }> {
    const { keyspace } = this.#request;
    if (outcome.kind === 'aborted') return { settled: this.#giveUp(this.#bounds.signal!.reason) };
    if (outcome.kind === 'timeout') return { settled: this.#giveUp(this.#last ?? deadlineExceeded()) };
    const error = this.#calls.errorOfOutcome(keyspace, outcome);
    this.#last = error;
    const next = this.#calls.nextTry(keyspace, { link, outcome, tries });
    if (outcome.kind === 'failure') {
      if (this.#proves(error)) return { settled: { kind: 'not-committed', error, next } };
      if (error.outcome === 'committed') throw error;
    }
    // A refusal that proves nothing for this id is asked again; the node then answers from a tombstone.
    const again = error.outcome === 'not-committed' ? (next ?? { delayMs: 0, not: undefined }) : next;
    const mayGoOn = again !== undefined && (outcome.kind !== 'full' || this.#attempt > 0);
    if (!mayGoOn || !(await this.#pause(again.delayMs))) return { settled: this.#giveUp(error) };
    return { not: again.not };
  }

  /** Whether a `not-committed` counts. Once the id may be at two places, only a tombstone proves it. */
  #proves(error: MeridianError): boolean {
    if (error.outcome !== 'not-committed') return false;
    return this.#attempt === 1 || error.details['tombstone'] === true;
  }

  /** The wait for the outcome ends. */
  #giveUp(cause: unknown): Settled {
    if (this.#attempt > 0) throw outcomeUnknown(this.#id!, cause);
    if (this.#bounds.signal?.aborted === true) throw cause;
    return { kind: 'not-committed', error: cause as MeridianError, next: undefined };
  }

  async #nextNode(not: NodeLink | undefined): Promise<NodeLink | undefined> {
    try {
      return await this.#calls.nodes.next(this.#request.keyspace, this.#bounds, not);
    } catch (error) {
      if (this.#attempt > 0) throw outcomeUnknown(this.#id!, error);
      throw error;
    }
  }

  async #pause(delayMs: number): Promise<boolean> {
    try {
      return await this.#calls.pause(delayMs, this.#bounds);
    } catch (error) {
      if (this.#attempt > 0) throw outcomeUnknown(this.#id!, error);
      throw error;
    }
  }
}

function methodOf(
  calls: Calls,
  request: OneShotRequest,
  { id, attempt, bounds }: { readonly id: string; readonly attempt: number; readonly bounds: Bounds },
): Method {
  const { keyspace, isolation, checks, mutations, causal } = request;
  return {
    kind: 'transact',
    keyspace,
    transactionId: id,
    attempt,
    isolation,
    reads: [],
    checks,
    mutations,
    freshness: freshnessOf(calls, keyspace, causal, bounds),
  };
}
