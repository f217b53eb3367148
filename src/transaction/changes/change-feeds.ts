import { fail, failure, succeed, type Failure, type Result } from '../../model/errors.js';
import { gtid, parseGtid } from '../../model/gtid.js';
import type { Seqno } from '../../model/ids.js';
import { limits } from '../../model/limits.js';
import type { Runtime } from '../../runtime/runtime.js';
import type { AppliedEntry, KeyspaceStore } from '../../storage/store.js';
import type { ChangeFeed, ChangesRequest } from '../service.js';
import { answeringFailure } from '../store-failure.js';
import { invalidRange } from '../validation.js';
import { changesTooOld, historyMismatch, LocalChangeFeed, type FeedSource } from './local-change-feed.js';
import { RecentEntries } from './recent-entries.js';
import { oldestFeedSeqno } from './stored-entries.js';

export interface ChangeFeedsOptions {
  readonly store: KeyspaceStore;
  readonly runtime: Runtime;
  /** Why this node does not serve the keyspace now, or undefined. */
  readonly notServing: () => Failure | undefined;
  /** `limits.feedRecentBytesMax` when it is not given. */
  readonly recentBytesMax?: number;
}

/**
 * The change feeds of one keyspace at one node, out of what it has applied. What is applied while feeds are open is kept
 * for a while, so that those at the head share it decoded; without feeds nothing is kept.
 */
export class ChangeFeeds {
  readonly #source: FeedSource;
  readonly #open = new Set<LocalChangeFeed>();
  readonly #unsubscribe: () => void;
  #stopped = false;

  constructor({ store, runtime, notServing, recentBytesMax }: ChangeFeedsOptions) {
    const recent = new RecentEntries(recentBytesMax ?? limits.feedRecentBytesMax);
    this.#source = { store, runtime, recent, notServing: () => (this.#stopped ? nodeStops : notServing()) };
    this.#unsubscribe = store.onApplied((applied) => this.#onApplied(applied));
  }

  /** Open feeds. */
  get size(): number {
    return this.#open.size;
  }

  open(request: ChangesRequest): Result<ChangeFeed> {
    return answeringFailure(() => this.#begin(request), this.#source.runtime.logger);
  }

  #begin({ from, range }: ChangesRequest): Result<ChangeFeed> {
    const { store, notServing } = this.#source;
    const refusal = notServing() ?? invalidRange(range);
    if (refusal !== undefined) return { ok: false, failure: refusal };
    const history = store.head.keyspaceId!;
    const after = startOf(store, from);
    if (!after.ok) return after;
    if (this.#open.size >= limits.feedsMax) {
      const message = `${limits.feedsMax} change feeds of this keyspace are open on this node`;
      return fail('OVERLOADED', message, { details: { retryAfterMs: 1000 } });
    }
    const feed: LocalChangeFeed = new LocalChangeFeed(this.#source, {
      history,
      after: after.value,
      isFromOldest: from === 'oldest',
      range,
      onEnd: () => this.#onEnd(feed),
    });
    this.#open.add(feed);
    return succeed(feed);
  }

  /** The node's state has changed: feeds that wait find out what it means for them. */
  wake(): void {
    for (const feed of [...this.#open]) feed.wake();
  }

  /** Ends all feeds. */
  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.wake();
  }

  #onApplied(applied: readonly AppliedEntry[]): void {
    if (this.#open.size === 0) return;
    for (const one of applied) this.#source.recent.add(one);
    this.wake();
  }

  #onEnd(feed: LocalChangeFeed): void {
    this.#open.delete(feed);
    if (this.#open.size === 0) this.#source.recent.clear();
  }
}

/** The seqno that a feed begins after. */
function startOf(store: KeyspaceStore, from: ChangesRequest['from']): Result<Seqno> {
  if (from === undefined) return succeed(store.head.seqno);
  const oldest = oldestFeedSeqno(store);
  if (from === 'oldest') return succeed(oldest);
  const history = store.head.keyspaceId!;
  const parsed = parseGtid(from);
  if (parsed === undefined)
    return fail('INVALID_ARGUMENT', 'the position is no GTID', { details: { field: 'from' } });
  if (parsed.history !== history) return { ok: false, failure: historyMismatch(from, history) };
  return parsed.seqno < oldest ? changesTooOld(from, gtid(history, oldest)) : succeed(parsed.seqno);
}

const nodeStops = failure('NODE_NOT_READY', 'the node stops', { details: { state: 'draining' } });
