import type { Check, MutationRequest } from '../model/request.js';
import type { KeyInput, Selector } from './keys.js';
import {
  atomicOf,
  checkOf,
  deleteOf,
  deleteRangeOf,
  refuseTooMany,
  setOf,
  type Expectation,
  type Seen,
} from './mutations.js';
import type { Commit, CommitOptions, ExpiryOptions, SetOptions } from './options.js';

type CommitTogether = (
  checks: readonly Check[],
  mutations: readonly MutationRequest[],
  options: CommitOptions | undefined,
) => Promise<Commit>;

/** Checks and mutations that are committed together, in one round trip. Good for one `commit`. */
export class Atomic {
  readonly #commit: CommitTogether;
  readonly #checks: Check[] = [];
  readonly #mutations: MutationRequest[] = [];
  #committed = false;

  /** @internal */
  constructor(commit: CommitTogether) {
    this.#commit = commit;
  }

  /** What has to hold, else nothing is written and `commit` throws CheckFailedError. */
  check(seen: Seen): this;
  check(key: KeyInput, expected: Expectation): this;
  check(key: KeyInput | Seen, expected?: Expectation): this {
    this.#mustBeOpen();
    this.#checks.push(checkOf(key, expected));
    return this;
  }

  set(key: KeyInput, value: unknown, options?: SetOptions): this {
    return this.#add(setOf(key, value, options));
  }

  delete(key: KeyInput): this {
    return this.#add(deleteOf(key));
  }

  deleteRange(selector: Selector): this {
    return this.#add(deleteRangeOf(selector));
  }

  /** Adds to a counter, from 0 when the key is absent; its new value is in `results`. */
  sum(key: KeyInput, by: number | bigint, options?: ExpiryOptions): this {
    return this.#add(atomicOf('sum', key, by, options));
  }

  min(key: KeyInput, operand: number | bigint, options?: ExpiryOptions): this {
    return this.#add(atomicOf('min', key, operand, options));
  }

  max(key: KeyInput, operand: number | bigint, options?: ExpiryOptions): this {
    return this.#add(atomicOf('max', key, operand, options));
  }

  commit(options?: CommitOptions): Promise<Commit> {
    this.#mustBeOpen();
    refuseTooMany(this.#mutations);
    this.#committed = true;
    return this.#commit(this.#checks, this.#mutations, options);
  }

  #add(mutation: MutationRequest): this {
    this.#mustBeOpen();
    this.#mutations.push(mutation);
    return this;
  }

  #mustBeOpen(): void {
    if (this.#committed) throw new Error('commit was called already: begin a new one');
  }
}
