import type { Check, MutationRequest } from '../model/request.js';
import { parseGtid } from '../model/gtid.js';
import type { KeyRange } from '../model/keys.js';
import { limits } from '../model/limits.js';
import type { AtomicKind } from '../model/value.js';
import type { Method } from '../transport/public-api/messages.js';
import { Atomic } from './atomic.js';
import type { Calls } from './calls.js';
import { clientLimits } from './client-limits.js';
import type { Dialler } from './dialler.js';
import { freshnessOf } from './freshness.js';
import { toKey, toRange, type KeyInput, type Selector } from './keys.js';
import { atomicOf, deleteOf, deleteRangeOf, setOf, type Expectation, type Seen } from './mutations.js';
import { commitOneShot } from './one-shot-commit.js';
import type {
  CallOptions,
  Commit,
  CommitOptions,
  ExpiryOptions,
  ReadOptions,
  SetOptions,
} from './options.js';
import { askOutcome, commitOf, settleOutcome, type Outcome, type SettledOutcome } from './outcomes.js';
import { transact, type Transacted } from './transact.js';
import type { Transaction } from './transaction.js';
import { entryOf, type Entry, type Reader } from './values.js';
import { Watch } from './watch.js';

export interface ListOptions extends Selector, ReadOptions {
  /** Of all pages together; default: no limit. */
  readonly limit?: number;
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** Entries per round trip, 1 to 1000; default 100. Each page is a snapshot, not older than the one before. */
  readonly pageSize?: number;
}

export interface ListedKey<K = string> {
  readonly key: K;
  readonly version: number;
}

export interface TransactOptions extends CommitOptions {
  /** Of all runs together, ms; default: the client's `transactTimeoutMs`. */
  readonly timeoutMs?: number;
}

export interface WatchOptions extends Selector {
  /** Exclusive; default `now`. `oldest`: from the oldest commit on that the node keeps which is asked. */
  readonly from?: 'now' | 'oldest' | (string & {});
  readonly signal?: AbortSignal;
}

/** @internal */
export interface KeyspaceParts<K> {
  readonly name: string;
  readonly calls: Calls;
  readonly dialler: Dialler;
  readonly reader: Reader<K>;
  readonly requestTimeoutMs: number;
  readonly transactTimeoutMs: number;
}

/** One keyspace. `K` is how its keys are given back. */
export class Keyspace<K = string> {
  readonly name: string;
  readonly #parts: KeyspaceParts<K>;
  readonly #calls: Calls;

  /** @internal */
  constructor(parts: KeyspaceParts<K>) {
    this.name = parts.name;
    this.#parts = parts;
    this.#calls = parts.calls;
  }

  /** Undefined: the key is absent. */
  async get<T = unknown>(key: KeyInput, options?: ReadOptions): Promise<Entry<T, K> | undefined> {
    const [entry] = await this.getMany<T>([key], options);
    return entry;
  }

  /** In the order of the keys, all of one snapshot; at most 1000. */
  async getMany<T = unknown>(
    keys: readonly KeyInput[],
    options?: ReadOptions,
  ): Promise<(Entry<T, K> | undefined)[]> {
    if (keys.length > limits.readsMax) {
      throw new TypeError(`${keys.length} keys; ${limits.readsMax} can be read at a time`);
    }
    const bytes = keys.map(toKey);
    if (bytes.length === 0) return [];
    const bounds = this.#bounds(options);
    const make = (): Method => ({
      kind: 'read',
      keyspace: this.name,
      keys: bytes,
      freshness: freshnessOf(this.#calls, this.name, options?.causal === true, bounds),
    });
    const answer = await this.#calls.ask(this.name, make, bounds);
    if (answer.kind !== 'read') throw wrongAnswer(answer.kind);
    this.#calls.causality.note(this.name, answer.reply.gtid);
    const { reader } = this.#parts;
    return answer.reply.values.map((value, at) =>
      value === undefined ? undefined : entryOf<T, K>(reader, bytes[at]!, value),
    );
  }

  /** The entries in the order of their keys' bytes, page by page. */
  list<T = unknown>(
    options?: ListOptions & { readonly keysOnly?: false },
  ): AsyncGenerator<Entry<T, K>, void, undefined>;
  list(options: ListOptions & { readonly keysOnly: true }): AsyncGenerator<ListedKey<K>, void, undefined>;
  async *list<T>(
    options: ListOptions & { readonly keysOnly?: boolean } = {},
  ): AsyncGenerator<Entry<T, K> | ListedKey<K>, void, undefined> {
    const { reader } = this.#parts;
    const { limit = Infinity, pageSize = limits.listEntriesDefault } = options;
    let rest: KeyRange | undefined = toRange(options);
    for (let left = limit; left > 0 && rest !== undefined;) {
      const page = await this.#page(rest, Math.min(left, pageSize), options);
      for (const { key, version, value } of page.entries) {
        if (value === undefined) yield { key: reader.key(key), version };
        else yield entryOf<T, K>(reader, key, value);
      }
      left -= page.entries.length;
      rest = page.rest;
    }
  }

  set(key: KeyInput, value: unknown, options?: SetOptions & CommitOptions): Promise<Commit> {
    return this.#write(() => setOf(key, value, options), options);
  }

  /** Of an absent key it succeeds as well. */
  delete(key: KeyInput, options?: CommitOptions): Promise<Commit> {
    return this.#write(() => deleteOf(key), options);
  }

  deleteRange(selector: Selector, options?: CommitOptions): Promise<Commit> {
    return this.#write(() => deleteRangeOf(selector), options);
  }

  /** Adds to a counter, from 0 when the key is absent; `value` is the sum just after. It conflicts with no other sum. */
  sum(key: KeyInput, by: number | bigint, options?: ExpiryOptions & CommitOptions): Promise<CounterCommit> {
    return this.#count('sum', key, by, options);
  }

  /** Lowers a counter to the operand when it is higher or absent. */
  min(
    key: KeyInput,
    operand: number | bigint,
    options?: ExpiryOptions & CommitOptions,
  ): Promise<CounterCommit> {
    return this.#count('min', key, operand, options);
  }

  /** Raises a counter to the operand when it is lower or absent. */
  max(
    key: KeyInput,
    operand: number | bigint,
    options?: ExpiryOptions & CommitOptions,
  ): Promise<CounterCommit> {
    return this.#count('max', key, operand, options);
  }

  /** Begins what is committed together with this check. */
  check(seen: Seen): Atomic;
  check(key: KeyInput, expected: Expectation): Atomic;
  check(key: KeyInput | Seen, expected?: Expectation): Atomic {
    return this.atomic().check(key as KeyInput, expected as Expectation);
  }

  /** Begins what is committed together, in one round trip. */
  atomic(): Atomic {
    return new Atomic((checks, mutations, options) => this.#commit(checks, mutations, options));
  }

  /**
   * Runs `body` and commits what it did, as one transaction; after a conflict it runs again. So it must have no effects
   * but through `tx`. It never runs again while an earlier run may have been committed.
   */
  transact<T>(
    body: (tx: Transaction<K>) => Promise<T> | T,
    options?: TransactOptions,
  ): Promise<Transacted<T>> {
    const request = { ...this.#request(options), body };
    const bounds = this.#bounds(options, this.#parts.transactTimeoutMs);
    return transact(this.#calls, this.#parts.reader, request, bounds);
  }

  /** Commits as they happen; see Watch. */
  watch<T = unknown>(options: WatchOptions = {}): Watch<T, K> {
    const { from = 'now', signal } = options;
    if (from !== 'now' && from !== 'oldest' && parseGtid(from) === undefined) {
      throw new TypeError(`a watch begins at 'now', 'oldest' or a GTID, not at ${from}`);
    }
    const request = { keyspace: this.name, range: toRange(options), from, signal };
    return new Watch<T, K>(this.#parts, this.#parts.reader, request);
  }

  /** What a node knows of a transaction id now. */
  outcomeOf(transactionId: string, options?: CallOptions): Promise<Outcome> {
    return askOutcome(this.#calls, { keyspace: this.name, transactionId }, this.#bounds(options));
  }

  /** Settles a transaction id: its outcome, if it has one; else from now on it will never commit. */
  resolve(transactionId: string, options?: CallOptions): Promise<SettledOutcome> {
    return settleOutcome(this.#calls, { keyspace: this.name, transactionId }, this.#bounds(options));
  }

  async #page(range: KeyRange, limit: number, options: ListOptions & { readonly keysOnly?: boolean }) {
    const bounds = this.#bounds(options);
    const make = (): Method => ({
      kind: 'list',
      keyspace: this.name,
      range,
      limit,
      reverse: options.reverse === true,
      keysOnly: options.keysOnly === true,
      freshness: freshnessOf(this.#calls, this.name, options.causal === true, bounds),
    });
    const answer = await this.#calls.ask(this.name, make, bounds);
    if (answer.kind !== 'list') throw wrongAnswer(answer.kind);
    this.#calls.causality.note(this.name, answer.reply.gtid);
    return answer.reply;
  }

  // Bad arguments reject; they do not throw before there is a promise.
  async #write(make: () => MutationRequest, options: CommitOptions | undefined): Promise<Commit> {
    return this.#commit([], [make()], options);
  }

  async #count(
    kind: AtomicKind,
    key: KeyInput,
    operand: number | bigint,
    options: (ExpiryOptions & CommitOptions) | undefined,
  ): Promise<CounterCommit> {
    const commit = await this.#commit([], [atomicOf(kind, key, operand, options)], options);
    return { ...commit, value: commit.results[0]! };
  }

  async #commit(
    checks: readonly Check[],
    mutations: readonly MutationRequest[],
    options: CommitOptions | undefined,
  ): Promise<Commit> {
    const request = { ...this.#request(options), checks, mutations };
    return commitOf(await commitOneShot(this.#calls, request, this.#bounds(options)));
  }

  #request(options: CommitOptions | undefined) {
    return {
      keyspace: this.name,
      isolation: options?.isolation ?? 'serializable',
      causal: options?.causal === true,
      maxAttempts: options?.maxAttempts ?? clientLimits.attemptsMax,
    } as const;
  }

  #bounds(options: CallOptions | undefined, timeoutMs = this.#parts.requestTimeoutMs) {
    return this.#calls.bounds(options?.timeoutMs ?? timeoutMs, options?.signal);
  }
}

/** Of one counter. */
export interface CounterCommit extends Commit {
  /** Just after the mutation, exact over 64 bits. */
  readonly value: bigint;
}

function wrongAnswer(kind: string): Error {
  return new Error(`the node answered with ${kind}, which is no answer to the call`);
}
