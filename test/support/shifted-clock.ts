import type { Runtime } from '../../src/runtime/runtime.js';

/** A runtime whose clocks a test sets ahead: as for a process that was stopped, whose timers are late. */
export class ShiftedClock {
  aheadMs = 0;
  readonly runtime: Runtime;

  constructor(base: Runtime) {
    const { clock } = base;
    this.runtime = {
      ...base,
      clock: {
        nowMs: () => clock.nowMs() + this.aheadMs,
        monotonicMs: () => clock.monotonicMs() + this.aheadMs,
      },
    };
  }
}
