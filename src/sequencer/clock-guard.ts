import { limits } from '../model/limits.js';
import type { Clock } from '../runtime/runtime.js';

/** How long a clock that jumped is not led by, so that it is compared with the peers' clocks anew; ms. */
const distrustMs = 3000;

/**
 * Judges whether this node's clock may become log time. A clock that is ahead, if only once, would raise log time and
 * the id floor for good: ids that are still wanted would be too old, and nobody could lead until time has caught up.
 */
export class ClockGuard {
  readonly #clock: Clock;
  readonly #apartFromPeers: () => string | undefined;
  /** Wall clock minus monotonic clock when it was last trusted. */
  #offsetMs: number;
  #distrustedUntilMs = -Infinity;

  /** `apartFromPeers` says whose clock is too far from this one, of the peers that are reached. */
  constructor(clock: Clock, apartFromPeers: () => string | undefined) {
    this.#clock = clock;
    this.#apartFromPeers = apartFromPeers;
    this.#offsetMs = clock.nowMs() - clock.monotonicMs();
  }

  /** Why this node must not begin to lead by its clock, or undefined. `logTimeMs` is that of the last entry. */
  whyNotLead(logTimeMs: number): string | undefined {
    const behindMs = logTimeMs - this.#clock.nowMs();
    return behindMs > 0 ? `this node's clock is ${behindMs} ms behind log time` : this.whyNotGoOn();
  }

  /** Why this node must not write another entry by its clock, or undefined. */
  whyNotGoOn(): string | undefined {
    const monotonicMs = this.#clock.monotonicMs();
    const jumpMs = Math.round(this.#clock.nowMs() - monotonicMs - this.#offsetMs);
    if (Math.abs(jumpMs) > limits.clockSkewMsMax) {
      this.#offsetMs += jumpMs;
      this.#distrustedUntilMs = monotonicMs + distrustMs;
    }
    if (monotonicMs < this.#distrustedUntilMs)
      return "this node's clock has jumped; it is compared with its peers'";
    return this.#apartFromPeers();
  }
}
