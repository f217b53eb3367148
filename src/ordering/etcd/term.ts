import type { Runtime } from '../../runtime/runtime.js';
import type { Fence } from '../ordered-log.js';
import type { Election } from './election.js';
import type { EtcdKv } from './etcd-kv.js';
import { LeaseKeeper } from './lease-keeper.js';

/** Who asked held the role, and no longer surely does. */
export class RoleLost extends Error {
  override readonly name = 'RoleLost';
}

export interface TermOptions {
  readonly kv: EtcdKv;
  readonly runtime: Runtime;
  readonly fence: Fence;
  readonly election: Election;
  readonly onLost: (why: string) => void;
}

/** The time for which a candidate holds the role: from its election until it is lost, given up or closed. */
export class Term {
  readonly fence: Fence;
  readonly #options: TermOptions;
  readonly #keeper: LeaseKeeper;
  #over: string | undefined;

  constructor(options: TermOptions) {
    const { kv, runtime, fence, election } = options;
    this.fence = fence;
    this.#options = options;
    const { lease, sentAtMs } = election;
    this.#keeper = new LeaseKeeper({ kv, runtime, lease, sentAtMs, onOver: (why) => this.lose(why) });
  }

  get lease(): string {
    return this.#options.election.lease.id;
  }

  /** Whether the role is surely held, as far as the lease tells. The first call that finds that it is not says that it is lost. */
  isHeld(): boolean {
    return this.#over === undefined && this.#keeper.isAlive();
  }

  /** Throws RoleLost unless it is held. */
  expectHeld(): void {
    if (!this.isHeld()) throw new RoleLost(`the role is lost: ${this.#over ?? 'its lease has run out'}`);
  }

  /** Tells once why. */
  lose(why: string): void {
    if (this.#over !== undefined) return;
    this.#finish(why);
    this.#options.runtime.logger.debug({ why }, 'the role is lost');
    this.#options.onLost(why);
  }

  /** Without a word: given up, or closed. */
  end(): void {
    this.#finish('given up');
  }

  #finish(why: string): void {
    this.#over ??= why;
    this.#keeper.stop();
  }
}
