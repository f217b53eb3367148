import type { Cancel, Clock, Timers } from '../../src/runtime/runtime.js';

/** Time that stands still until a test moves it. */
export class ManualTime {
  private nowMs = 0;
  private readonly pending = new Set<{ readonly dueMs: number; readonly action: () => void }>();

  readonly clock: Clock = { nowMs: () => this.nowMs, monotonicMs: () => this.nowMs };
  readonly timers: Timers = {
    after: (delayMs, action): Cancel => {
      const timer = { dueMs: this.nowMs + Math.max(delayMs, 0), action };
      this.pending.add(timer);
      return () => this.pending.delete(timer);
    },
    soon: (action) => void this.timers.after(0, action),
  };

  /** Timers that have not run. */
  get waiting(): number {
    return this.pending.size;
  }

  /** From now to the first of them, ms; Infinity when there is none. */
  get nextInMs(): number {
    return Math.min(...[...this.pending].map(({ dueMs }) => dueMs)) - this.nowMs;
  }

  /** Moves time by `ms`, running what falls due in its order, each at its moment. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = [...this.pending].filter(({ dueMs }) => dueMs <= untilMs);
      const next = due.sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.pending.delete(next);
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      next.action();
    }
    this.nowMs = untilMs;
  }
}
