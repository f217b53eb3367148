import type { ReadRequest } from '../model/request.js';
import type { KeyRange } from '../model/keys.js';
import { limits } from '../model/limits.js';
import type { PresentEntry, ReadAnswerMessage } from '../transport/public-api/messages.js';
import { toKey, toRange, type KeyInput, type Selector } from './keys.js';
import {
  atomicOf,
  checkOf,
  deleteOf,
  deleteRangeOf,
  setOf,
  type Expectation,
  type Seen,
} from './mutations.js';
import type { Operations } from './operations.js';
import type { ExpiryOptions, SetOptions } from './options.js';
import { entryOf, type Entry, type Reader } from './values.js';

export interface TransactionListOptions extends Selector {
  /** Of all pages together; default: no limit. */
  readonly limit?: number;
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** Entries per round trip, 1 to 1000; default 100. */
  readonly pageSize?: number;
}

/**
 * What the function of `transact` works on. All reads are of one snapshot and see the transaction's own writes made
 * before them. Writes cost no round trip: they go with the next read or with COMMIT.
 */
export class Transaction<K = string> {
  readonly #operations: Operations;
  readonly #reader: Reader<K>;
  #ended = false;

  /** @internal */
  constructor(operations: Operations, reader: Reader<K>) {
    this.#operations = operations;
    this.#reader = reader;
  }

  async get<T = unknown>(key: KeyInput): Promise<Entry<T, K> | undefined> {
    const [entry] = await this.getMany<T>([key]);
    return entry;
  }

  /** In the order of the keys. */
  async getMany<T = unknown>(keys: readonly KeyInput[]): Promise<(Entry<T, K> | undefined)[]> {
    const reads = keys.map((key): ReadRequest => ({ kind: 'key', key: toKey(key) }));
    if (reads.length > limits.readsMax) {
      throw new TypeError(`${reads.length} keys; ${limits.readsMax} can be read at a time`);
    }
    if (reads.length === 0) return [];
    const answers = await this.#read(reads);
    return answers.map(({ entries: [found] }) => (found === undefined ? undefined : this.#entry<T>(found)));
  }

  /** In the order of the keys' bytes. What was read joins what the transaction depends on, and no more. */
  async *list<T = unknown>(
    options: TransactionListOptions = {},
  ): AsyncGenerator<Entry<T, K>, void, undefined> {
    const { limit = Infinity, reverse = false, pageSize = limits.listEntriesDefault } = options;
    let rest: KeyRange | undefined = toRange(options);
    for (let left = limit; left > 0 && rest !== undefined;) {
      const page: ReadRequest = { kind: 'range', range: rest, limit: Math.min(left, pageSize), reverse };
      const [answer] = await this.#read([page]);
      for (const found of answer!.entries) yield this.#entry<T>(found);
      left -= answer!.entries.length;
      rest = answer!.rest;
    }
  }

  set(key: KeyInput, value: unknown, options?: SetOptions): void {
    this.#write(setOf(key, value, options));
  }

  delete(key: KeyInput): void {
    this.#write(deleteOf(key));
  }

  deleteRange(selector: Selector): void {
    this.#write(deleteRangeOf(selector));
  }

  /** Adds to a counter (from 0 when the key is absent), whatever others add meanwhile: it conflicts with no other sum. */
  sum(key: KeyInput, by: number | bigint, options?: ExpiryOptions): void {
    this.#write(atomicOf('sum', key, by, options));
  }

  min(key: KeyInput, operand: number | bigint, options?: ExpiryOptions): void {
    this.#write(atomicOf('min', key, operand, options));
  }

  max(key: KeyInput, operand: number | bigint, options?: ExpiryOptions): void {
    this.#write(atomicOf('max', key, operand, options));
  }

  /** What has to hold at COMMIT, else the transaction ends with CheckFailedError. Before the transaction writes the key. */
  check(seen: Seen): void;
  check(key: KeyInput, expected: Expectation): void;
  check(key: KeyInput | Seen, expected?: Expectation): void {
    this.#mustBeOpen();
    this.#operations.check(checkOf(key, expected));
  }

  /** @internal */
  end(): void {
    this.#ended = true;
  }

  #entry<T>({ key, value }: PresentEntry): Entry<T, K> {
    return entryOf<T, K>(this.#reader, key, value);
  }

  #read(reads: readonly ReadRequest[]): Promise<readonly ReadAnswerMessage[]> {
    this.#mustBeOpen();
    return this.#operations.read(reads);
  }

  #write(mutation: Parameters<Operations['mutate']>[0]): void {
    this.#mustBeOpen();
    this.#operations.mutate(mutation);
  }

  #mustBeOpen(): void {
    if (this.#ended) throw new Error('the transaction has ended: its function has returned');
  }
}
