import { assert } from '../../model/assert.js';
import { fail, succeed, type Failure, type Result } from '../../model/errors.js';
import { gtid, type Gtid } from '../../model/gtid.js';
import type { KeyspaceId, Seqno } from '../../model/ids.js';
import type { KeyRange } from '../../model/keys.js';
import { limits } from '../../model/limits.js';
import type { Runtime } from '../../runtime/runtime.js';
import { StoreClosed, type KeyspaceStore } from '../../storage/store.js';
import type { ChangeBatch, ChangeFeed, CommitEvent } from '../service.js';
import { answeringFailures } from '../store-failure.js';
import { changesIn } from './commit-changes.js';
import type { EntryCommits } from './entry-commits.js';
import type { RecentEntries } from './recent-entries.js';
import { oldestFeedSeqno, positionOf, readCommits } from './stored-entries.js';

/** What all feeds of a keyspace stand on. */
export interface FeedSource {
  readonly store: KeyspaceStore;
  readonly runtime: Runtime;
  readonly recent: RecentEntries;
  /** Why no feed goes on now, or undefined. */
  readonly notServing: () => Failure | undefined;
}

export interface FeedOptions {
  readonly history: KeyspaceId;
  readonly after: Seqno;
  /** It may begin later than `after` where the first commits need what is no longer kept. */
  readonly isFromOldest: boolean;
  readonly range: KeyRange;
  /** Called once, when it is closed or has failed. */
  readonly onEnd: () => void;
}

/** How long a feed that waits goes without asking whether its node still serves, ms. */
const checkMs = 500;

/** A feed out of this node's own store: pulled, it holds its place and nothing else between two batches. */
export class LocalChangeFeed implements ChangeFeed {
  readonly #source: FeedSource;
  readonly #options: FeedOptions;
  #after: Seqno;
  /** Of the entry to read next, once it is known. */
  #position: number | undefined;
  /** Whether it may still begin later. */
  #isMovable: boolean;
  #failure: Failure | undefined;
  #closed = false;
  #busy = false;
  #wake: () => void = () => {};

  constructor(source: FeedSource, options: FeedOptions) {
    this.#source = source;
    this.#options = options;
    this.#after = options.after;
    this.#isMovable = options.isFromOldest;
  }

  get position(): Gtid {
    return gtid(this.#options.history, this.#after);
  }

  async next(): Promise<Result<ChangeBatch>> {
    assert(!this.#busy, 'one call of next at a time');
    this.#busy = true;
    try {
      const { logger } = this.#source.runtime;
      const batch = await answeringFailures(() => this.#next(), 'not-committed', logger);
      if (!batch.ok) this.#fail(batch.failure);
      return batch;
    } finally {
      this.#busy = false;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#failure === undefined) this.#options.onEnd();
    this.#wake();
  }

  /** There is something new, or something may have changed. */
  wake(): void {
    this.#wake();
  }

  #fail(failure: Failure): void {
    if (this.#failure !== undefined || this.#closed) return;
    this.#failure = failure;
    this.#options.onEnd();
  }

  async #next(): Promise<Result<ChangeBatch>> {
    const { clock } = this.#source.runtime;
    const endMs = clock.monotonicMs() + limits.feedHeartbeatMs;
    while (!this.#closed) {
      const failure = this.#failure ?? this.#source.notServing() ?? this.#otherHistory();
      if (failure !== undefined) return { ok: false, failure };
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      if (this.#after >= this.#source.store.head.seqno) {
        this.#isMovable = false;
        await this.#wait(Math.min(leftMs, checkMs));
        continue;
      }
      const commits = await this.#advance();
      if (!commits.ok) return commits;
      if (commits.value.length === 0) continue;
      this.#isMovable = false;
      return succeed({ commits: commits.value, position: this.position });
    }
    return succeed({ commits: [], position: this.position });
  }

  #otherHistory(): Failure | undefined {
    const { keyspaceId } = this.#source.store.head;
    const { history } = this.#options;
    return keyspaceId === history ? undefined : historyMismatch(this.position, keyspaceId);
  }

  async #advance(): Promise<Result<readonly CommitEvent[]>> {
    const recent = this.#source.recent.after(this.#after, limits.feedBatchBytesMax);
    if (recent !== undefined) {
      const commits = this.#collect(recent);
      // Who finds nothing for itself lets others run before it looks on.
      if (commits.ok && commits.value.length === 0) await this.#nextTurn();
      return commits;
    }
    try {
      return await this.#advanceInStore();
    } catch (error) {
      if (!(error instanceof StoreClosed)) throw error;
      // While the store recovers there is nothing new; one that is closed for good has a reason in `notServing`.
      await this.#wait(checkMs);
      return succeed([]);
    }
  }

  async #advanceInStore(): Promise<Result<readonly CommitEvent[]>> {
    const { store } = this.#source;
    this.#position ??= positionOf(store, this.#after + 1);
    const entries =
      this.#position === undefined ? [] : await readCommits(store, this.#position, limits.feedBatchBytesMax);
    if (entries.length > 0) return this.#collect(entries);
    const oldest = oldestFeedSeqno(store);
    if (!this.#isMovable || oldest <= this.#after) return this.#tooOld(oldest);
    this.#after = oldest;
    this.#position = undefined;
    return succeed([]);
  }

  /** Passes the entries, and gives what of them is in the range. */
  #collect(entries: readonly EntryCommits[]): Result<readonly CommitEvent[]> {
    const { range, history } = this.#options;
    const events: CommitEvent[] = [];
    let forgotten: Seqno | undefined;
    for (const { commits } of entries) {
      for (const commit of commits) {
        if (commit.seqno <= this.#after) continue;
        const changes = changesIn(commit, range);
        if (changes === undefined) {
          forgotten = commit.seqno;
          if (this.#isMovable) events.length = 0;
        } else if (changes.length > 0)
          events.push({ gtid: gtid(history, commit.seqno), timeMs: commit.timeMs, changes });
      }
    }
    if (forgotten !== undefined && !this.#isMovable) return this.#tooOld(forgotten);
    const last = entries.at(-1)!;
    if (last.lastSeqno > this.#after) this.#after = last.lastSeqno;
    this.#position = last.position + 1;
    return succeed(events);
  }

  #tooOld(oldest: Seqno): { readonly ok: false; readonly failure: Failure } {
    return changesTooOld(this.position, gtid(this.#options.history, oldest));
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#wake = () => {};
        resolve();
      };
      const cancel = this.#source.runtime.timers.after(ms, done);
      this.#wake = done;
    });
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#source.runtime.timers.soon(resolve));
  }
}

export function changesTooOld(from: Gtid, oldest: Gtid) {
  const message = `the changes after ${from} are no longer all kept on this node; those after ${oldest} may be`;
  return fail('CHANGES_TOO_OLD', message, { details: { oldest } });
}

export function historyMismatch(given: Gtid, history: KeyspaceId | undefined): Failure {
  const details = { given, history: history ?? null };
  return fail('HISTORY_MISMATCH', 'the position is of another history of this keyspace', { details }).failure;
}
