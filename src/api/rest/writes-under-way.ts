import { limits } from '../../model/limits.js';
import type { Clock } from '../../runtime/runtime.js';

interface Write {
  readonly takenMs: number;
}

/**
 * The writes of one keyspace that the HTTP API has taken and not answered. What keeps them may be before the COMMIT too: a
 * node that has more to do than it can has them wait for its processor, which no queue of commits sees.
 */
export class WritesUnderWay {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** The oldest first. */
  readonly #writes = new Set<Write>();
  /** What ended in the window of writeWaitMsMax that is now, and in the one before. */
  #windowMs = -Infinity;
  #now = 0;
  #before = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Returns what ends it. */
  take(): () => void {
    const write = { takenMs: this.#clock.monotonicMs() };
    this.#writes.add(write);
    return () => {
      this.#writes.delete(write);
      this.#turn();
      this.#now += 1;
    };
  }

  /**
   * The oldest waits for longer than limits.writeWaitMsMax, and as many wait as ended in such a time lately (and writesMin
   * at least): by Little's law one more would wait as long.
   */
  get areLate(): boolean {
    const oldest = this.#writes.values().next().value;
    if (oldest === undefined || this.#writes.size < limits.writesMin) return false;
    if (this.#clock.monotonicMs() - oldest.takenMs <= limits.writeWaitMsMax) return false;
    this.#turn();
    return this.#writes.size >= Math.max(this.#now, this.#before);
  }

  #turn(): void {
    const nowMs = this.#clock.monotonicMs();
    const ageMs = nowMs - this.#windowMs;
    if (ageMs < limits.writeWaitMsMax) return;
    this.#before = ageMs < 2 * limits.writeWaitMsMax ? this.#now : 0;
    this.#now = 0;
    this.#windowMs = nowMs;
  }
}
