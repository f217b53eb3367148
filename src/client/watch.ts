import { WatchBuffer } from './watch-buffer.js';
import { eventOf, type CommitEvent } from './watch-events.js';
import { WatchSource, type WatchParts, type WatchRequest } from './watch-source.js';
import type { Reader } from './values.js';

/**
 * The commits of a keyspace, in order, each once, whole. When its node fails it goes on at another, behind the last commit
 * received. A consumer that is slow pauses the stream. Ends with the loop over it, `close`, or the signal's reason.
 */
export class Watch<T = unknown, K = string>
  implements AsyncIterableIterator<CommitEvent<T, K>>, AsyncDisposable
{
  readonly #reader: Reader<K>;
  readonly #buffer: WatchBuffer;
  readonly #source: WatchSource;

  /** @internal */
  constructor(parts: WatchParts, reader: Reader<K>, request: WatchRequest) {
    this.#reader = reader;
    this.#buffer = new WatchBuffer(() => this.#source.resume());
    this.#source = new WatchSource(parts, request, this.#buffer);
  }

  /** The position where it begins, once that is fixed: every commit after it is shown. */
  get ready(): Promise<string> {
    return this.#source.ready;
  }

  /** `from` of a watch that goes on behind the commit given out last; undefined before `ready`. */
  get position(): string | undefined {
    return this.#buffer.position;
  }

  async next(): Promise<IteratorResult<CommitEvent<T, K>, undefined>> {
    const commit = await this.#buffer.take();
    if (commit === undefined) return { done: true, value: undefined };
    this.#source.onTaken(commit.gtid);
    try {
      return { done: false, value: eventOf<T, K>(this.#reader, commit) };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  return(): Promise<IteratorResult<CommitEvent<T, K>, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  close(): void {
    this.#buffer.clear();
    this.#source.end(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
