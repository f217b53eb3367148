import type { ErrorCode } from '../model/errors.js';
import { seqno, type Seqno, type TransactionId } from '../model/ids.js';
import { keyFromBytes } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { abortCodes, outcomeMatches, type AbortedOutcome, type LoggedOutcome } from '../model/outcome.js';
import { submissionBytes, type LinkListener, type SequencerLink } from '../replica/sequencer-link.js';
import type { Runtime } from '../runtime/runtime.js';
import type { AppliedEntry, KeyspaceStore } from '../storage/store.js';
import type { Submission, Verdict } from '../transport/messages.js';
import { CommitQueue } from './commit-queue.js';

/** How a submission ended at this node. */
export type Settled =
  /** What the log says of the id, for ever; with the copy that committed, when that was applied while it was waited for. */
  | { readonly kind: 'logged'; readonly outcome: LoggedOutcome; readonly committed: Uint8Array | undefined }
  /** A first attempt's abort: no other copy of the id exists, and no tombstone. */
  | { readonly kind: 'aborted'; readonly outcome: AbortedOutcome; readonly detail: string }
  /** `certain`: no copy of the id was ever taken. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly detail: string; readonly certain: boolean }
  | { readonly kind: 'reused'; readonly seqno: Seqno | undefined };

export interface CommitAttempt {
  readonly id: TransactionId;
  /** Undefined when an id is resolved: that matches every content. */
  readonly contentHash: Buffer | undefined;
  readonly submission: Submission;
  readonly mayBeRetry: boolean;
}

interface Pending {
  readonly id: TransactionId;
  readonly contentHash: Buffer | undefined;
  readonly bytes: number;
  submission: Submission;
  sends: number;
  /** By the monotonic clock, when it was last sent. */
  sentMs: number;
  /** Another copy of the id may exist: only a tombstone proves that it will not commit. */
  tombstoneOnly: boolean;
  /** After a refusal that may pass; one copy answers all that were refused. */
  resubmitIsDue: boolean;
  readonly settled: Promise<Settled>;
  readonly settle: (settled: Settled) => void;
}

export interface CommitOptions {
  /** For so long after a sequencer was lost new submissions wait for its successor, and are then refused. ms */
  readonly successorMsMax?: number;
  /** What this node knows of why nobody sequences, beside what its link was told. */
  readonly whyNot?: () => string | undefined;
}

const resubmitMs = 1000;

/**
 * The submissions of one keyspace at one node that have no outcome yet: one per id; duplicates join the first. They are
 * submitted again to each sequencer that comes, until the log's word is known, however long their callers wait.
 */
export class PendingCommits implements LinkListener {
  readonly #link: SequencerLink;
  readonly #store: KeyspaceStore;
  readonly #runtime: Runtime;
  readonly #pending = new Map<TransactionId, Pending>();
  readonly #queue: CommitQueue;
  readonly #options: CommitOptions;
  /** Until then a successor is waited for, monotonic ms. */
  #awaitUntilMs = -Infinity;

  constructor(link: SequencerLink, store: KeyspaceStore, runtime: Runtime, options: CommitOptions = {}) {
    this.#options = options;
    this.#link = link;
    this.#store = store;
    this.#runtime = runtime;
    this.#queue = new CommitQueue(runtime.clock);
    link.listener = this;
    store.onApplied((applied) => {
      if (this.#pending.size === 0) return;
      for (const one of applied) this.#onApplied(one);
    });
  }

  get size(): number {
    return this.#pending.size;
  }

  has(id: TransactionId): boolean {
    return this.#pending.has(id);
  }

  /**
   * The oldest submission waits for longer than limits.commitWaitMsMax: somewhere on the way they queue, and one more would
   * wait as long at least. Until that one has its outcome, new ones are refused.
   */
  get overdue(): boolean {
    const oldest = this.#pending.values().next().value;
    return oldest !== undefined && this.#runtime.clock.monotonicMs() - oldest.sentMs > limits.commitWaitMsMax;
  }

  /** Whether a new submission, of so many bytes, would be refused as OVERLOADED. */
  sheds(bytes = 0): boolean {
    return this.#link.serving && (this.overdue || this.#queue.isFull(bytes));
  }

  /** Resolves when the outcome is known; a caller that will not wait so long leaves it behind. */
  submit(attempt: CommitAttempt): Promise<Settled> {
    const logged = this.#store.outcome(attempt.id);
    if (logged !== undefined) return Promise.resolve(this.#judgeLogged(logged, attempt.contentHash));
    const first = this.#pending.get(attempt.id);
    if (first !== undefined) return this.#join(first, attempt);
    const certain = !attempt.mayBeRetry;
    const waitMs = this.#link.serving ? 0 : this.#awaitUntilMs - this.#runtime.clock.monotonicMs();
    if (!this.#link.serving && waitMs <= 0) {
      const detail = this.#whyNot();
      return Promise.resolve({ kind: 'refused', code: 'SEQUENCER_UNAVAILABLE', detail, certain });
    }
    const bytes = submissionBytes(attempt.submission);
    if (this.sheds(bytes) || this.#queue.isFull(bytes)) {
      const detail = 'as many commits of this node wait for their outcome as have it in time';
      return Promise.resolve({ kind: 'refused', code: 'OVERLOADED', detail, certain });
    }
    return this.#begin(attempt, bytes, waitMs).settled;
  }

  /** The node stops: who still waits is told that the outcome is not known here. */
  stop(): void {
    const detail = 'the node stopped before the outcome was known';
    for (const pending of [...this.#pending.values()]) {
      if (pending.sends === 0) this.#refuseUnsent(pending);
      else this.#end(pending, { kind: 'refused', code: 'COMMIT_OUTCOME_UNKNOWN', detail, certain: false });
    }
  }

  onVerdict(id: TransactionId, verdict: Verdict): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    switch (verdict.kind) {
      case 'committed':
        return this.#onCommitted(pending, seqno(verdict.seqno));
      case 'aborted':
        return this.#onAborted(pending, verdict);
      case 'refused':
        return this.#onRefused(pending, verdict);
    }
  }

  onServing(): void {
    for (const pending of this.#pending.values()) this.#send(pending);
  }

  onNotServing(): void {
    this.#awaitUntilMs = this.#runtime.clock.monotonicMs() + (this.#options.successorMsMax ?? 0);
  }

  /** `waitMs`: it is not sent, but waits so long at the most for the sequencer that comes. */
  #begin(attempt: CommitAttempt, bytes: number, waitMs: number): Pending {
    const { id, contentHash, submission, mayBeRetry } = attempt;
    let settle: Pending['settle'] = () => {};
    const settled = new Promise<Settled>((resolve) => (settle = resolve));
    const pending = {
      id,
      contentHash,
      bytes,
      submission,
      sends: 0,
      sentMs: this.#runtime.clock.monotonicMs(),
      tombstoneOnly: mayBeRetry,
      resubmitIsDue: false,
      settled,
      settle,
    };
    this.#pending.set(id, pending);
    this.#queue.enter(bytes);
    if (waitMs <= 0) this.#send(pending);
    else this.#runtime.timers.after(waitMs, () => this.#refuseUnsent(pending));
    return pending;
  }

  #whyNot(): string {
    return this.#options.whyNot?.() ?? this.#link.status.whyNot ?? '';
  }

  #refuseUnsent(pending: Pending): void {
    if (pending.sends > 0 || this.#pending.get(pending.id) !== pending) return;
    const detail = this.#whyNot();
    const certain = !pending.tombstoneOnly;
    this.#end(pending, { kind: 'refused', code: 'SEQUENCER_UNAVAILABLE', detail, certain });
  }

  #send(pending: Pending): void {
    if (pending.sends > 0) pending.tombstoneOnly = true;
    if (pending.tombstoneOnly && !pending.submission.retry)
      pending.submission = { ...pending.submission, retry: true };
    pending.sends += 1;
    pending.sentMs = this.#runtime.clock.monotonicMs();
    this.#link.submit(pending.submission);
  }

  #join(first: Pending, attempt: CommitAttempt): Promise<Settled> {
    const { contentHash } = attempt;
    if (
      contentHash !== undefined &&
      first.contentHash !== undefined &&
      !contentHash.equals(first.contentHash)
    ) {
      return Promise.resolve({ kind: 'reused', seqno: undefined });
    }
    first.tombstoneOnly = true;
    return first.settled;
  }

  #onApplied({ entry, outcomes }: AppliedEntry): void {
    const items = entry.content.kind === 'batch' ? entry.content.items : [];
    outcomes.forEach(({ id, outcome }, i) => {
      const pending = this.#pending.get(id);
      if (pending === undefined) return;
      const item = items[i];
      const committed = item?.kind === 'transaction' ? item.writeSet : undefined;
      this.#end(pending, this.#judgeLogged(outcome, pending.contentHash, committed));
    });
  }

  #judgeLogged(outcome: LoggedOutcome, contentHash: Buffer | undefined, committed?: Uint8Array): Settled {
    if (contentHash === undefined || outcomeMatches(outcome, contentHash))
      return { kind: 'logged', outcome, committed };
    return { kind: 'reused', seqno: outcome.kind === 'committed' ? outcome.seqno : undefined };
  }

  /** Its entry tells the outcome; unless that was applied before, and the outcome may be kept here no longer. */
  #onCommitted(pending: Pending, at: Seqno): void {
    if (at > this.#store.head.seqno) return;
    if (this.#store.halted !== undefined || this.#store.damage !== undefined)
      return this.#submitLater(pending);
    const outcome = this.#store.outcome(pending.id);
    if (outcome !== undefined) return this.#end(pending, this.#judgeLogged(outcome, pending.contentHash));
    const detail = `the id committed as seqno ${at}, and this node no longer keeps its outcome`;
    this.#end(pending, { kind: 'refused', code: 'TRANSACTION_ID_TOO_OLD', detail, certain: false });
  }

  #onAborted(pending: Pending, verdict: Verdict): void {
    const outcome = abortOf(verdict, pending.contentHash);
    if (verdict.tombstone) this.#end(pending, { kind: 'logged', outcome, committed: undefined });
    else if (pending.tombstoneOnly) this.#send(pending);
    else this.#end(pending, { kind: 'aborted', outcome, detail: verdict.detail });
  }

  #onRefused(pending: Pending, verdict: Verdict): void {
    const code = verdict.code as ErrorCode;
    if (code === 'TRANSACTION_ID_REUSED') {
      const at = verdict.seqno === 0 ? undefined : seqno(verdict.seqno);
      return this.#end(pending, { kind: 'reused', seqno: at });
    }
    const mayPass = code === 'OVERLOADED' || code === 'SEQUENCER_UNAVAILABLE';
    if (mayPass && pending.tombstoneOnly) return this.#submitLater(pending);
    this.#end(pending, { kind: 'refused', code, detail: verdict.detail, certain: !pending.tombstoneOnly });
  }

  #submitLater(pending: Pending): void {
    if (pending.resubmitIsDue) return;
    pending.resubmitIsDue = true;
    this.#runtime.timers.after(resubmitMs, () => {
      pending.resubmitIsDue = false;
      if (this.#pending.get(pending.id) === pending && this.#link.serving) this.#send(pending);
    });
  }

  #end(pending: Pending, settled: Settled): void {
    this.#pending.delete(pending.id);
    this.#queue.leave(pending.bytes);
    pending.settle(settled);
  }
}

function abortOf(verdict: Verdict, contentHash: Buffer | undefined): AbortedOutcome {
  const code = abortCodes.find((known) => known === verdict.code) ?? 'TRANSACTION_ABORTED';
  const winner = verdict.conflictSeqno;
  const conflict =
    winner === 0 ? undefined : { key: keyFromBytes(verdict.conflictKey), winner: seqno(winner) };
  return { kind: 'aborted', code, conflict, contentHash };
}
