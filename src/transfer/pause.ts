import type { Timers } from '../runtime/runtime.js';

/** Waits that can be ended. */
export class Pause {
  readonly #timers: Timers;
  #ended = false;
  #wake: () => void = () => {};

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** One at a time. Resolves after `ms`, and when all pauses have been ended. */
  async wait(ms: number): Promise<void> {
    if (this.#ended) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#timers.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Ends the present and all later ones. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }
}
