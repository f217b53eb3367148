import { fail, succeed, type OutcomeWord, type Result } from '../model/errors.js';
import { gtid } from '../model/gtid.js';
import type { KeyspaceName, TransactionId } from '../model/ids.js';
import type { Key, KeyRange } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { abortCodes, type LoggedOutcome } from '../model/outcome.js';
import { mintTransactionId } from '../model/transaction-id.js';
import { StoreClosed, StoreDamaged } from '../storage/store.js';
import { ChangeFeeds } from './changes/change-feeds.js';
import { resolve } from './commit.js';
import { gtidAt, gtidOf, type KeyspaceContext } from './context.js';
import { awaitFreshness } from './freshness.js';
import { endedFailure, notFound, OpenTransaction, type EndedBy } from './interactive.js';
import { transact } from './one-shot.js';
import type {
  BeginOptions,
  ChangeFeed,
  ChangesRequest,
  Committed,
  Freshness,
  InteractiveTransaction,
  KeyspaceService,
  KeyspaceStatus,
  ListOptions,
  ListPage,
  MutationRequest,
  ReadNow,
  SnapshotRead,
  TransactionState,
  TransactRequest,
} from './service.js';
import { readKeys, readPage } from './snapshot-reads.js';
import { answeringFailures } from './store-failure.js';
import { invalidKey, invalidRange } from './validation.js';

/** One keyspace at one node, as the APIs see it. */
export class LocalKeyspace implements KeyspaceService {
  readonly name: KeyspaceName;
  readonly status: () => KeyspaceStatus;
  readonly #context: KeyspaceContext;
  readonly #open = new Map<TransactionId, OpenTransaction>();
  /** How transactions ended that are open no more; the oldest are forgotten. */
  readonly #ended = new Map<TransactionId, EndedBy>();
  /** COMMITs under way or answered: COMMIT again returns the first outcome. */
  readonly #commits = new Map<TransactionId, Promise<Result<Committed>>>();
  readonly #feeds: ChangeFeeds;

  constructor(context: KeyspaceContext, status: () => KeyspaceStatus) {
    this.name = context.name;
    this.#context = context;
    this.status = status;
    this.#feeds = new ChangeFeeds(context);
  }

  get openTransactions(): number {
    return this.#open.size;
  }

  get shedsCommits(): boolean {
    return this.#context.commits.sheds();
  }

  get openFeeds(): number {
    return this.#feeds.size;
  }

  read(keys: readonly Key[], freshness: Freshness): Promise<Result<SnapshotRead>> {
    return this.#answering('not-committed', () => this.#read(keys, freshness));
  }

  async #read(keys: readonly Key[], freshness: Freshness): Promise<Result<SnapshotRead>> {
    for (const key of keys) {
      const invalid = invalidKey(key);
      if (invalid !== undefined) return { ok: false, failure: invalid };
    }
    const ready = awaitFreshness(this.#context, freshness);
    const fresh = ready instanceof Promise ? await ready : ready;
    if (!fresh.ok) return fresh;
    const snapshot = this.#context.store.snapshot();
    try {
      const values = keys.length === 1 ? [snapshot.get(keys[0]!)] : await readKeys(snapshot, keys);
      if (values === undefined) {
        const { pageBytesMax } = limits;
        return fail(
          'TRANSACTION_TOO_LARGE',
          `the values are more than ${pageBytesMax} bytes; read fewer keys`,
          {
            details: { limit: pageBytesMax },
          },
        );
      }
      return succeed({ gtid: gtidOf(snapshot), values });
    } finally {
      snapshot.release();
    }
  }

  readNow(key: Key): ReadNow | undefined {
    const { store, notServing, link } = this.#context;
    if (notServing() !== undefined || invalidKey(key) !== undefined) return undefined;
    try {
      const snapshot = store.snapshot();
      try {
        const value = snapshot.get(key);
        return value === undefined
          ? undefined
          : { gtid: gtidOf(snapshot), value, stalenessMs: link.stalenessMs };
      } finally {
        snapshot.release();
      }
    } catch {
      // `read` meets it again, and tells.
      return undefined;
    }
  }

  list(range: KeyRange, options: ListOptions): Promise<Result<ListPage>> {
    return this.#answering('not-committed', () => this.#list(range, options));
  }

  async #list(range: KeyRange, options: ListOptions): Promise<Result<ListPage>> {
    const invalid = invalidRange(range);
    if (invalid !== undefined) return { ok: false, failure: invalid };
    const fresh = await awaitFreshness(this.#context, options);
    if (!fresh.ok) return fresh;
    const snapshot = this.#context.store.snapshot();
    try {
      const page = await readPage(snapshot, range, options);
      return succeed({ gtid: gtidOf(snapshot), ...page });
    } finally {
      snapshot.release();
    }
  }

  transact(request: TransactRequest): Promise<Result<Committed>> {
    const outcome = request.mutations.length > 0 ? 'unknown' : 'not-committed';
    return this.#answering(outcome, () => transact(this.#context, request));
  }

  begin(options: BeginOptions): Promise<Result<InteractiveTransaction>> {
    return this.#answering('not-committed', () => this.#begin(options));
  }

  async #begin(options: BeginOptions): Promise<Result<InteractiveTransaction>> {
    const fresh = await awaitFreshness(this.#context, options);
    if (!fresh.ok) return fresh;
    if (this.#open.size >= limits.openTransactionsMax) {
      const message = `${limits.openTransactionsMax} transactions of this keyspace are open on this node`;
      return fail('OVERLOADED', message, { details: { retryAfterMs: 1000 } });
    }
    const { runtime, self } = this.#context;
    const id = mintTransactionId(runtime.clock.nowMs(), runtime.random.bytes(10), self);
    const transaction = new OpenTransaction(this.#context, {
      id,
      isolation: options.isolation,
      idleMsMax: Math.min(options.idleTimeoutMs ?? limits.transactionIdleMsMax, limits.transactionIdleMsMax),
      onEnd: (by) => this.#remember(id, by),
    });
    this.#open.set(id, transaction);
    return succeed(transaction);
  }

  open(id: TransactionId): Result<InteractiveTransaction> {
    return this.#opened(id);
  }

  #opened(id: TransactionId): Result<OpenTransaction> {
    const transaction = this.#open.get(id);
    if (transaction !== undefined) return succeed(transaction);
    const ended = this.#ended.get(id);
    return ended === undefined ? notFound(id) : { ok: false, failure: endedFailure(id, ended) };
  }

  async commit(id: TransactionId, mutations: readonly MutationRequest[] = []): Promise<Result<Committed>> {
    if (mutations.length > 0) {
      const open = this.#opened(id);
      const buffered = open.ok ? open.value.buffer(mutations) : open;
      if (!buffered.ok) return buffered;
    }
    // No other call comes between what is buffered and COMMIT: nothing is awaited.
    const first = this.#commits.get(id);
    if (first !== undefined) return this.#again(id, first);
    const transaction = this.#open.get(id);
    if (transaction !== undefined) {
      const committed = this.#answering('unknown', () => transaction.commit());
      // One that is open still was refused before COMMIT took it, and may be asked again.
      if (!this.#open.has(id)) bounded(this.#commits, id, committed);
      return committed;
    }
    const ended = this.#ended.get(id);
    if (ended === 'doomed') return { ok: false, failure: endedFailure(id, ended) };
    const resolved = await this.#resolve(id);
    if (ended === undefined || resolved.ok || resolved.failure.outcome !== 'not-committed') return resolved;
    return { ok: false, failure: { ...endedFailure(id, ended), outcome: 'not-committed' } };
  }

  async rollback(id: TransactionId): Promise<Result<TransactionState>> {
    const transaction = this.#open.get(id);
    if (transaction !== undefined) {
      transaction.end('rollback');
      return succeed({ state: 'aborted', code: 'TRANSACTION_ABORTED', conflict: undefined });
    }
    const ended = this.#ended.get(id);
    if (ended !== undefined && ended !== 'commit') {
      return succeed({ state: 'aborted', code: 'TRANSACTION_ABORTED', conflict: undefined });
    }
    const resolved = await this.#resolve(id);
    if (resolved.ok) {
      const { gtid, seqno, results } = resolved.value;
      return succeed({ state: 'committed', gtid, seqno, results });
    }
    const state = this.transactionState(id);
    if (state.state !== 'unknown') return succeed(state);
    // The sequencer's word of a tombstone comes before its entry.
    const { code, outcome } = resolved.failure;
    const tombstone = outcome === 'not-committed' ? abortCodes.find((known) => known === code) : undefined;
    return tombstone === undefined
      ? resolved
      : succeed({ state: 'aborted', code: tombstone, conflict: undefined });
  }

  /** The log's word comes first: one that is open here may have been resolved elsewhere. */
  transactionState(id: TransactionId): TransactionState {
    const outcome = this.#loggedOutcome(id);
    if (outcome === undefined) {
      const transaction = this.#open.get(id);
      return transaction === undefined
        ? { state: 'unknown' }
        : { state: 'open', snapshot: transaction.snapshot };
    }
    if (outcome.kind === 'aborted')
      return { state: 'aborted', code: outcome.code, conflict: outcome.conflict };
    const { seqno, results } = outcome;
    return { state: 'committed', gtid: gtidAt(this.#context, seqno), seqno, results };
  }

  /** Undefined also while this node cannot vouch for what its store says: it differs from the log, or cannot be read. */
  #loggedOutcome(id: TransactionId): LoggedOutcome | undefined {
    if (this.#context.notServing()?.code === 'NODE_INCONSISTENT') return undefined;
    try {
      return this.#context.store.outcome(id);
    } catch (error) {
      if (error instanceof StoreClosed || error instanceof StoreDamaged) return undefined;
      throw error;
    }
  }

  changes(request: ChangesRequest): Result<ChangeFeed> {
    return this.#feeds.open(request);
  }

  stateHash() {
    return this.#answering('not-committed', () => this.#stateHash());
  }

  async #stateHash() {
    const refusal = this.#context.notServing();
    if (refusal !== undefined) return { ok: false, failure: refusal } as const;
    const snapshot = this.#context.store.snapshot();
    try {
      const { hash, keys } = await snapshot.stateHash();
      const { keyspaceId, seqno } = snapshot.head;
      return succeed({ hash, keys, gtid: gtid(keyspaceId!, seqno) });
    } finally {
      snapshot.release();
    }
  }

  /** Whether the node serves may have changed: feeds that wait are told at once. */
  onStateChange(): void {
    this.#feeds.wake();
  }

  /** The node stops: what is open is rolled back, feeds end, and who waits for an outcome is told that it is not known. */
  stop(): void {
    this.#feeds.stop();
    for (const transaction of [...this.#open.values()]) transaction.end('rollback');
    this.#context.commits.stop();
  }

  /** The first outcome; where that was unknown, what is known by now. */
  async #again(id: TransactionId, first: Promise<Result<Committed>>): Promise<Result<Committed>> {
    const outcome = await first;
    if (outcome.ok || outcome.failure.outcome !== 'unknown') return outcome;
    return this.#resolve(id);
  }

  #resolve(id: TransactionId): Promise<Result<Committed>> {
    const refusal = this.#context.notServing();
    if (refusal !== undefined)
      return Promise.resolve({ ok: false, failure: { ...refusal, outcome: 'unknown' } });
    return this.#answering('unknown', () => resolve(this.#context, id));
  }

  #answering<T>(outcome: OutcomeWord, work: () => Promise<Result<T>>): Promise<Result<T>> {
    return answeringFailures(work, outcome, this.#context.runtime.logger);
  }

  #remember(id: TransactionId, by: EndedBy): void {
    this.#open.delete(id);
    bounded(this.#ended, id, by);
  }
}

/** Adds to a map that forgets its oldest above `limits.endedTransactionsMax`. */
function bounded<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.set(key, value);
  if (map.size <= limits.endedTransactionsMax) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
