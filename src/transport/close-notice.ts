import type { Timers } from '../runtime/runtime.js';

/** Tells one listener once that a stream is closed: never from inside of the call that closes it or that sets the listener. */
export class CloseNotice {
  readonly #timers: Timers;
  #reason: string | undefined;
  #listener: ((reason: string) => void) | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get closed(): boolean {
    return this.#reason !== undefined;
  }

  /** False when it is closed already: the first reason stands. */
  close(reason: string): boolean {
    if (this.#reason !== undefined) return false;
    this.#reason = reason;
    this.#tell();
    return true;
  }

  listen(listener: (reason: string) => void): void {
    if (this.#listener !== undefined) throw new Error('a stream has one close listener');
    this.#listener = listener;
    this.#tell();
  }

  #tell(): void {
    const reason = this.#reason;
    const listener = this.#listener;
    if (reason !== undefined && listener !== undefined) this.#timers.soon(() => listener(reason));
  }
}
