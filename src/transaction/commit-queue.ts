import { limits } from '../model/limits.js';
import type { Clock } from '../runtime/runtime.js';

/**
 * How many commits may wait for their outcome at a time, by what had it lately. By Little's law who waits behind no more than
 * what ends within `commitWaitMsMax` waits no longer than that; without it a burst would be let in as far as memory goes, and
 * be answered when its callers have left. A few may wait always, so that a node that was idle can begin.
 */
export class CommitQueue {
  readonly #clock: Clock;
  #waiting = 0;
  #waitingBytes = 0;
  /** What ended in the window of commitWaitMsMax that is now, and in the one before. */
  #windowMs = -Infinity;
  #now = { count: 0, bytes: 0 };
  #before = { count: 0, bytes: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#waiting;
  }

  /** Whether one of so many bytes would have to wait too long, or there is no room for it. */
  isFull(bytes: number): boolean {
    const { submissionsMin, submissionBytesMin, submissionsMax, submissionBytesMax } = limits;
    this.#turn();
    const count = Math.max(submissionsMin, this.#now.count, this.#before.count);
    const most = Math.max(submissionBytesMin, this.#now.bytes, this.#before.bytes);
    return (
      this.#waiting >= Math.min(submissionsMax, count) ||
      this.#waitingBytes + bytes > Math.min(submissionBytesMax, most)
    );
  }

  enter(bytes: number): void {
    this.#waiting += 1;
    this.#waitingBytes += bytes;
  }

  leave(bytes: number): void {
    this.#waiting -= 1;
    this.#waitingBytes -= bytes;
    this.#turn();
    this.#now.count += 1;
    this.#now.bytes += bytes;
  }

  #turn(): void {
    const ageMs = this.#clock.monotonicMs() - this.#windowMs;
    if (ageMs < limits.commitWaitMsMax) return;
    this.#before = ageMs < 2 * limits.commitWaitMsMax ? this.#now : { count: 0, bytes: 0 };
    this.#now = { count: 0, bytes: 0 };
    this.#windowMs = this.#clock.monotonicMs();
  }
}
