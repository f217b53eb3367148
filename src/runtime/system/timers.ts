import type { Cancel, Timers } from '../runtime.js';

/** Node runs a longer timeout at once. */
const timeoutMsMax = 2 ** 31 - 1;

export const systemTimers: Timers = {
  /** Throws a RangeError when `delayMs` is NaN; a negative one counts as 0. */
  after(delayMs: number, action: () => void): Cancel {
    if (Number.isNaN(delayMs)) throw new RangeError('delayMs is not a number');
    const dueMs = performance.now() + delayMs;
    let timeout: NodeJS.Timeout;
    // A timeout counts whole milliseconds of a clock that the loop reads once per turn, so it may fire a little early.
    const arm = (): void => {
      const remainingMs = Math.ceil(dueMs - performance.now());
      timeout = setTimeout(fire, Math.min(Math.max(remainingMs, 0), timeoutMsMax)).unref();
    };
    const fire = (): void => {
      if (performance.now() < dueMs) arm();
      else action();
    };
    arm();
    return () => clearTimeout(timeout);
  },

  soon(action: () => void): void {
    setImmediate(action);
  },
};
