import type { Timers } from '../runtime/runtime.js';
import type { Tail } from './sequencer-link.js';

type Answer = (tail: Tail | undefined) => void;

/** Tails asked for and not yet answered, at the most; who comes then shares the next one. */
const inFlightMax = 16;

/**
 * Shares linearizable tails among causal reads: one tail serves all reads that were waiting when it was asked for, never
 * one that came later (it could miss a commit that was acknowledged before that read began).
 */
export class TailReader {
  readonly #ask: () => Promise<Tail | undefined>;
  readonly #timers: Timers;
  readonly #readersMax: number;
  #readers = 0;
  #waiting: Answer[] = [];
  #inFlight = 0;
  #turnIsDue = false;

  constructor(ask: () => Promise<Tail | undefined>, timers: Timers, readersMax: number) {
    this.#ask = ask;
    this.#timers = timers;
    this.#readersMax = readersMax;
  }

  /** A tail asked for after this call; undefined when the log cannot be asked; 'full' when too many wait for one. */
  read(): Promise<Tail | undefined> | 'full' {
    if (this.#readers >= this.#readersMax) return 'full';
    this.#readers += 1;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#plan();
    });
  }

  #plan(): void {
    if (this.#turnIsDue || this.#inFlight >= inFlightMax || this.#waiting.length === 0) return;
    this.#turnIsDue = true;
    this.#timers.soon(() => {
      this.#turnIsDue = false;
      const served = this.#waiting;
      this.#waiting = [];
      this.#inFlight += 1;
      const done = (tail: Tail | undefined): void => {
        this.#inFlight -= 1;
        this.#readers -= served.length;
        for (const answer of served) answer(tail);
        this.#plan();
      };
      this.#ask().then(done, () => done(undefined));
    });
  }
}
