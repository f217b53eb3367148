import type { Check, MutationRequest, ReadRequest } from '../model/request.js';
import type { Isolation } from '../model/write-set.js';
import { describeKey } from '../model/keys.js';
import { limits } from '../model/limits.js';
import type { Method, ReadAnswerMessage } from '../transport/public-api/messages.js';
import type { Answer, Calls, NextTry } from './calls.js';
import { deadlineExceeded, errorOf, type FailedCheck, type MeridianError } from './errors.js';
import { freshnessOf } from './freshness.js';
import { refuseTooMany } from './mutations.js';
import type { NodeLink } from './node-link.js';
import type { Bounds, CallOutcome, Session } from './session.js';

export interface RunOptions {
  readonly keyspace: string;
  readonly isolation: Isolation;
  readonly causal: boolean;
  readonly bounds: Bounds;
  /** Of the runs before this one, for the length of the next wait. */
  readonly tries: number;
  /** Better not this node. */
  readonly not: NodeLink | undefined;
}

/** Where an interactive transaction is open. */
export interface Begun {
  readonly link: NodeLink;
  readonly session: Session;
  readonly transactionId: string;
  readonly snapshot: string;
}

/** Why a run came to nothing before COMMIT. Nothing of it was committed; `next`: how the function may run again. */
export interface RunFailure {
  readonly error: unknown;
  readonly next: NextTry | undefined;
}

interface WaitingReads {
  readonly reads: readonly ReadRequest[];
  /** Mutations that were made before it. */
  readonly mutationsBefore: number;
  readonly resolve: (answers: readonly ReadAnswerMessage[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The operations of one run of a transaction. It begins with the first read. Mutations wait here for the next read or for
 * COMMIT, so that a read sees those made before it and no others; reads of one turn go in one message.
 */
export class Operations {
  readonly #calls: Calls;
  readonly #options: RunOptions;
  readonly #mutations: MutationRequest[] = [];
  #mutationsSent = 0;
  #waiting: WaitingReads[] = [];
  #pumping: Promise<void> | undefined;
  #begun: Begun | undefined;
  #failure: RunFailure | undefined;
  readonly #checks: { readonly check: Check; readonly mutationsBefore: number }[] = [];
  /** One per check; undefined until the transaction reads: without reads COMMIT brings the checks. */
  #checkAnswers: Promise<readonly ReadAnswerMessage[]>[] | undefined;

  constructor(calls: Calls, options: RunOptions) {
    this.#calls = calls;
    this.#options = options;
  }

  get begun(): Begun | undefined {
    return this.#begun;
  }

  get failure(): RunFailure | undefined {
    return this.#failure;
  }

  get mutations(): readonly MutationRequest[] {
    return this.#mutations;
  }

  /** What COMMIT has to bring. */
  get unsent(): readonly MutationRequest[] {
    return this.#mutations.slice(this.#mutationsSent);
  }

  get checks(): readonly Check[] {
    return this.#checks.map(({ check }) => check);
  }

  /** Throws INVALID_ARGUMENT for a key that the transaction has written: a read of it would see that. */
  check(check: Check): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#mutations.some((mutation) => writes(mutation, check.key))) {
      throw errorOf({
        code: 'INVALID_ARGUMENT',
        message: 'the transaction has written the key of the check',
      });
    }
    const made = { check, mutationsBefore: this.#mutations.length };
    this.#checks.push(made);
    if (this.#checkAnswers !== undefined) this.#readChecked(made);
  }

  /** Of a transaction that has read: what its checks found. What they read is certified with it. */
  async failedChecks(): Promise<FailedCheck[]> {
    const answers = await Promise.all(this.#checkAnswers ?? []);
    return this.#checks.flatMap(({ check }, at) => {
      const actual = answers[at]?.[0]?.entries[0]?.value.version ?? null;
      return holds(check, actual) ? [] : [failedCheck(check, actual)];
    });
  }

  mutate(mutation: MutationRequest): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#mutations.push(mutation);
    refuseTooMany(this.#mutations);
  }

  /** One answer per read, all of the transaction's snapshot and own writes. */
  read(reads: readonly ReadRequest[]): Promise<readonly ReadAnswerMessage[]> {
    if (this.#failure !== undefined) return Promise.reject(asError(this.#failure.error));
    if (this.#checkAnswers === undefined) {
      this.#checkAnswers = [];
      for (const made of this.#checks) this.#readChecked(made);
    }
    return this.#enqueue(reads, this.#mutations.length);
  }

  #readChecked({ check, mutationsBefore }: { check: Check; mutationsBefore: number }): void {
    if (this.#options.isolation === 'snapshot') {
      const message = 'under snapshot isolation a transaction that reads cannot have its checks certified';
      throw errorOf({ code: 'INVALID_ARGUMENT', message });
    }
    const answer = this.#enqueue([{ kind: 'key', key: check.key }], mutationsBefore);
    answer.catch(() => {});
    this.#checkAnswers!.push(answer);
  }

  #enqueue(reads: readonly ReadRequest[], mutationsBefore: number) {
    return new Promise<readonly ReadAnswerMessage[]>((resolve, reject) => {
      this.#waiting.push({ reads, mutationsBefore, resolve, reject });
      this.#pumping ??= this.#pump();
    });
  }

  /** Resolves when no read is under way. */
  async idle(): Promise<void> {
    await this.#pumping;
  }

  /** Tells the node, if it is there, that the transaction is over: at once, or when a BEGIN under way has ended. */
  abandon(): void {
    if (this.#begun !== undefined) this.#rollBack(this.#begun);
    else void this.#pumping?.then(() => this.#begun !== undefined && this.#rollBack(this.#begun));
  }

  /** Nobody waits for it. */
  #rollBack({ session, transactionId }: Begun): void {
    const { keyspace } = this.#options;
    const endMs = this.#calls.runtime.clock.monotonicMs() + limits.transactionIdleMsMax;
    void session.call({ kind: 'rollback', keyspace, transactionId }, { endMs, signal: undefined });
  }

  async #pump(): Promise<void> {
    // Reads of the same turn gather.
    await Promise.resolve();
    while (this.#waiting.length > 0 && this.#failure === undefined) await this.#operate(this.#nextReads());
    this.#pumping = undefined;
    const { error } = this.#failure ?? {};
    if (this.#failure !== undefined) for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Those between which no mutation was made, as many as one call may have. */
  #nextReads(): WaitingReads[] {
    const { mutationsBefore } = this.#waiting[0]!;
    let count = 0;
    let taken = 0;
    for (const waiting of this.#waiting) {
      if (waiting.mutationsBefore !== mutationsBefore) break;
      if (taken > 0 && count + waiting.reads.length > limits.readsMax) break;
      count += waiting.reads.length;
      taken += 1;
    }
    return this.#waiting.splice(0, taken);
  }

  async #operate(waiting: readonly WaitingReads[]): Promise<void> {
    try {
      this.#begun ??= await this.#begin();
      const answers = await this.#send(this.#begun, waiting);
      let at = 0;
      for (const { reads, resolve } of waiting) {
        resolve(answers.slice(at, at + reads.length));
        at += reads.length;
      }
    } catch (error) {
      this.#failure ??= { error, next: undefined };
      for (const { reject } of waiting) reject(this.#failure.error);
    }
  }

  async #begin(): Promise<Begun> {
    const { keyspace, isolation, causal, bounds } = this.#options;
    const make = (): Method => ({
      kind: 'begin',
      keyspace,
      isolation,
      freshness: freshnessOf(this.#calls, keyspace, causal, bounds),
      idleTimeoutMs: 0,
    });
    const { link, answer } = await this.#calls.askSomebody(keyspace, make, bounds, this.#options.not);
    const { transactionId, snapshot } = (answer as Extract<Answer, { kind: 'begin' }>).reply;
    this.#calls.causality.note(keyspace, snapshot);
    return { link, session: link.session, transactionId, snapshot };
  }

  async #send(begun: Begun, waiting: readonly WaitingReads[]): Promise<readonly ReadAnswerMessage[]> {
    const { keyspace, bounds } = this.#options;
    const upTo = waiting[0]!.mutationsBefore;
    const mutations = this.#mutations.slice(this.#mutationsSent, upTo);
    this.#mutationsSent = upTo;
    const reads = waiting.flatMap((one) => one.reads);
    const { transactionId, session } = begun;
    const outcome = await session.call(
      { kind: 'operate', keyspace, transactionId, mutations, reads },
      bounds,
    );
    if (outcome.kind === 'operate') return outcome.reply.reads;
    this.#failure = this.failureOf(outcome as Exclude<CallOutcome, Answer>, begun.link);
    throw this.#failure.error;
  }

  /** Of an operation before COMMIT: whatever it was, nothing has been committed. */
  failureOf(outcome: Exclude<CallOutcome, Answer>, link: NodeLink): RunFailure {
    const { keyspace, bounds, tries } = this.#options;
    if (outcome.kind === 'aborted') return { error: bounds.signal!.reason, next: undefined };
    if (outcome.kind === 'timeout') return { error: deadlineExceeded(), next: undefined };
    const error = this.#calls.errorOfOutcome(keyspace, outcome);
    const next = this.#calls.nextTry(keyspace, { link, outcome, tries }) ?? this.#nextRun(error, link);
    return { error, next };
  }

  /** A node that was restarted or is being stopped knows its transactions no more. */
  #nextRun(error: MeridianError, link: NodeLink): NextTry | undefined {
    const isGone = error.code === 'TRANSACTION_NOT_FOUND' || error.code === 'TRANSACTION_FINISHED';
    return isGone ? { delayMs: this.#calls.backoffMs(this.#options.tries), not: link } : undefined;
  }
}

function writes(mutation: MutationRequest, key: string): boolean {
  if (mutation.kind !== 'deleteRange') return mutation.key === key;
  const { start, end } = mutation.range;
  return start <= key && (end === undefined || key < end);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the transaction was ended', { cause: error });
}

function holds({ expect }: Check, actual: number | null): boolean {
  if (expect === 'absent') return actual === null;
  return expect === 'present' ? actual !== null : actual === expect.version;
}

function failedCheck({ key, expect }: Check, actual: number | null): FailedCheck {
  return { key: describeKey(key), expected: typeof expect === 'object' ? expect.version : expect, actual };
}
