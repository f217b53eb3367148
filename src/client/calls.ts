import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';
import type { Runtime } from '../runtime/runtime.js';
import type { FailureMessage, Method, ReplyResult } from '../transport/public-api/messages.js';
import { jitteredMs } from './backoff.js';
import type { Causality } from './causality.js';
import { clientTimes } from './client-limits.js';
import { deadlineExceeded, errorOf, errorOfFailure, type MeridianError } from './errors.js';
import type { NodeLink } from './node-link.js';
import type { Nodes } from './nodes.js';
import type { Bounds, CallOutcome } from './session.js';

/** How a call that ended without success is tried again. */
export interface NextTry {
  readonly delayMs: number;
  /** Better not this node. */
  readonly not: NodeLink | undefined;
}

export type Answer = Exclude<ReplyResult, { kind: 'failure' }>;

/** What every call of a client needs. */
export class Calls {
  readonly nodes: Nodes;
  readonly causality: Causality;
  readonly runtime: Runtime;

  constructor(nodes: Nodes, causality: Causality, runtime: Runtime) {
    this.nodes = nodes;
    this.causality = causality;
    this.runtime = runtime;
  }

  /** Bounds that end `timeoutMs` from now. However many calls an app ends with one signal, Node shall not take their listeners for a leak. */
  bounds(timeoutMs: number, signal: AbortSignal | undefined): Bounds {
    if (signal !== undefined && getMaxListeners(signal) === defaultMaxListeners)
      setMaxListeners(Infinity, signal);
    return { endMs: this.runtime.clock.monotonicMs() + timeoutMs, signal };
  }

  leftMs({ endMs }: Bounds): number {
    return Math.max(0, endMs - this.runtime.clock.monotonicMs());
  }

  /**
   * Asks until there is an answer: for calls that may be repeated. `make` is called for each try. Throws what the last
   * try ended with when the time has ended, and what no other try can better at once.
   */
  async ask(keyspace: string, make: () => Method, bounds: Bounds): Promise<Answer> {
    return (await this.askSomebody(keyspace, make, bounds)).answer;
  }

  /** `ask` that says who answered; better not `not`. */
  async askSomebody(
    keyspace: string,
    make: () => Method,
    bounds: Bounds,
    not?: NodeLink,
  ): Promise<{ readonly link: NodeLink; readonly answer: Answer }> {
    let avoided = not;
    let last: MeridianError | undefined;
    for (let tries = 0; ; tries++) {
      const link = this.nodes.pick(keyspace, avoided) ?? (await this.nodes.next(keyspace, bounds, avoided));
      if (link === undefined) throw last ?? this.nodes.unreachable();
      const outcome = await link.session.call(make(), bounds);
      if (isAnswer(outcome)) return { link, answer: outcome };
      if (outcome.kind === 'aborted') throw bounds.signal!.reason;
      if (outcome.kind === 'timeout') throw last ?? deadlineExceeded();
      last = this.errorOfOutcome(keyspace, outcome);
      const next = this.nextTry(keyspace, { link, outcome, tries });
      if (next === undefined || !(await this.pause(next.delayMs, bounds))) throw last;
      avoided = next.not;
    }
  }

  /** Of what is no answer. A failure's token is noted: a conflict's winner, which the next try has to see. */
  errorOfOutcome(keyspace: string, outcome: Exclude<CallOutcome, Answer>): MeridianError {
    switch (outcome.kind) {
      case 'failure':
        this.causality.note(keyspace, outcome.failure.token);
        return errorOfFailure(outcome.failure);
      case 'lost':
        return errorOf({
          code: 'NO_NODE_REACHABLE',
          message: `the connection was lost: ${outcome.reason}`,
          retry: 'later',
        });
      case 'full':
        return errorOf({
          code: 'OVERLOADED',
          message: 'too many calls of this client, or too many bytes of them, wait for their turn',
          retry: 'after-delay',
        });
      case 'timeout':
      case 'aborted':
        return deadlineExceeded();
    }
  }

  /** Undefined: trying again helps nothing. */
  nextTry(
    keyspace: string,
    { link, outcome, tries }: { link: NodeLink; outcome: Exclude<CallOutcome, Answer>; tries: number },
  ): NextTry | undefined {
    if (outcome.kind === 'full') return undefined;
    if (outcome.kind !== 'failure') return { delayMs: this.backoffMs(tries), not: link };
    return this.#nextTryAfter(keyspace, outcome.failure, { link, tries });
  }

  #nextTryAfter(
    keyspace: string,
    failure: FailureMessage,
    { link, tries }: { link: NodeLink; tries: number },
  ): NextTry | undefined {
    const elsewhere = { delayMs: this.backoffMs(tries), not: link };
    switch (failure.code) {
      case 'NODE_NOT_READY':
      case 'NODE_INCONSISTENT':
        link.avoid(keyspace);
        return elsewhere;
      case 'SEQUENCER_UNAVAILABLE':
      case 'CAUSAL_READ_TIMEOUT':
      case 'COMMIT_OUTCOME_UNKNOWN':
        return elsewhere;
      case 'OVERLOADED':
      case 'RATE_LIMITED':
        return { delayMs: this.#afterMs(failure, tries), not: undefined };
      case 'CERTIFICATION_CONFLICT':
      case 'TRANSACTION_ABORTED':
      case 'SNAPSHOT_TOO_OLD':
        return { delayMs: this.#jitteredMs(tries), not: undefined };
      // An id ahead of log time, made by a node's clock that runs ahead: log time reaches it.
      case 'INVALID_ARGUMENT':
        return failure.outcome === 'unknown' ? elsewhere : undefined;
      case 'INTERNAL':
        return tries < this.nodes.links.length ? elsewhere : undefined;
      default:
        return undefined;
    }
  }

  /** The first other node is asked at once. */
  backoffMs(tries: number): number {
    return tries === 0 && this.nodes.links.length > 1 ? 0 : this.#jitteredMs(tries);
  }

  #jitteredMs(tries: number): number {
    return jitteredMs(this.runtime.random, tries, clientTimes.retryMsMin, clientTimes.retryMsMax);
  }

  #afterMs(failure: FailureMessage, tries: number): number {
    const { retryAfterMs } = errorOfFailure(failure).details;
    if (typeof retryAfterMs !== 'number') return this.#jitteredMs(tries + 3);
    return retryAfterMs * (1 + 0.5 * this.runtime.random.fraction());
  }

  /** False, at once, when the wait would go beyond the bounds. Throws the signal's reason. */
  pause(delayMs: number, bounds: Bounds): Promise<boolean> {
    const { signal } = bounds;
    signal?.throwIfAborted();
    if (delayMs >= this.leftMs(bounds)) return Promise.resolve(false);
    if (delayMs <= 0) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        cancel();
        reject(signal!.reason);
      };
      const cancel = this.runtime.timers.after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(true);
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

export function isAnswer(outcome: CallOutcome): outcome is Answer {
  switch (outcome.kind) {
    case 'failure':
    case 'lost':
    case 'timeout':
    case 'aborted':
    case 'full':
      return false;
    default:
      return true;
  }
}
