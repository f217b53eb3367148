import type { Cancel, Runtime } from '../../runtime/runtime.js';
import { EtcdError, type EtcdKv, type EtcdLease } from './etcd-kv.js';

export interface LeaseKeeperOptions {
  readonly kv: EtcdKv;
  readonly runtime: Runtime;
  readonly lease: EtcdLease;
  /** When the grant was sent, monotonic ms: etcd's count of the lease began later. */
  readonly sentAtMs: number;
  /** Called at most once. */
  readonly onOver: (why: string) => void;
}

/** Keep-alives per time that the lease has. */
const keepAlivesPerLease = 3;
/** After a keep-alive that failed. ms */
const againAfterMs = 100;

/**
 * Keeps a lease alive and knows whether it surely still is. Every answer counts from when its question was sent, so that this
 * side's end comes first, also after the process was stopped for a while.
 * HAZARD: a machine that is suspended stops the monotonic clock; then the fence in the log alone holds.
 */
export class LeaseKeeper {
  readonly lease: string;
  readonly #options: LeaseKeeperOptions;
  #cancelNext: Cancel = () => {};
  #cancelEnd: Cancel = () => {};
  #endsAtMs: number;
  #isOver = false;

  constructor(options: LeaseKeeperOptions) {
    const { lease, sentAtMs } = options;
    this.#options = options;
    this.lease = lease.id;
    this.#endsAtMs = sentAtMs + lease.ttlMs;
    this.#askAfter(this.#periodMs);
    this.#watchEnd();
  }

  /** Whether the lease surely holds now. The first call that finds that it does not tells so. */
  isAlive(): boolean {
    if (!this.#isOver && this.#leftMs() <= 0) this.#end('its lease has run out');
    return !this.#isOver;
  }

  /** Without a word; the lease ends by itself or is revoked by its owner. */
  stop(): void {
    this.#isOver = true;
    this.#cancelNext();
    this.#cancelEnd();
  }

  get #periodMs(): number {
    return this.#options.lease.ttlMs / keepAlivesPerLease;
  }

  #askAfter(delayMs: number): void {
    this.#cancelNext();
    this.#cancelNext = this.#options.runtime.timers.after(delayMs, () => void this.#ask());
  }

  #leftMs(): number {
    return this.#endsAtMs - this.#options.runtime.clock.monotonicMs();
  }

  #watchEnd(): void {
    this.#cancelEnd();
    this.#cancelEnd = this.#options.runtime.timers.after(Math.max(this.#leftMs(), 1), () => {
      if (this.isAlive()) this.#watchEnd();
    });
  }

  async #ask(): Promise<void> {
    const { kv, runtime } = this.#options;
    const sentAtMs = runtime.clock.monotonicMs();
    // Also when this one stays without an answer.
    this.#askAfter(this.#periodMs);
    try {
      const hasMs = await kv.keepAlive(this.lease);
      if (this.#isOver) return;
      if (hasMs <= 0) return this.#end('etcd has ended its lease');
      this.#endsAtMs = Math.max(this.#endsAtMs, sentAtMs + hasMs);
      if (this.isAlive()) this.#watchEnd();
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      runtime.logger.debug({ error }, 'a keep-alive was not answered');
      // Also when the next is under way: it may have gone the same way.
      if (this.isAlive()) this.#askAfter(againAfterMs);
    }
  }

  #end(why: string): void {
    this.stop();
    this.#options.onOver(why);
  }
}
