import { delay, type Timers } from '../../runtime/runtime.js';
import { LogClosed } from '../ordered-log.js';
import { EtcdError } from './etcd-kv.js';

const pauseMsMin = 20;
const pauseMsMax = 250;

/** Ends whatever waits for etcd when a log is closed, and asks again while it is not. */
export class Closing {
  readonly #timers: Timers;
  readonly #waiting = new Set<(error: LogClosed) => void>();
  #isClosed = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  expectOpen(): void {
    if (this.#isClosed) throw new LogClosed('the log is closed');
  }

  close(): void {
    this.#isClosed = true;
    const error = new LogClosed('the log was closed');
    for (const end of [...this.#waiting]) end(error);
  }

  /** What `work` comes to; LogClosed as soon as the log, or the client under it, is closed. */
  until<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const settled = (settle: () => void): void => {
        this.#waiting.delete(reject);
        settle();
      };
      if (this.#isClosed) reject(new LogClosed('the log is closed'));
      else this.#waiting.add(reject);
      // Also of a log that is closed: nobody else would hear that it failed.
      work.then(
        (value) => settled(() => resolve(value)),
        (error: unknown) => settled(() => reject(closedOr(error))),
      );
    });
  }

  /** Before attempt `attempt + 1`; a little longer each time. */
  pause(attempt: number): Promise<void> {
    return this.until(delay(this.#timers, Math.min(pauseMsMin * 2 ** Math.min(attempt, 10), pauseMsMax)));
  }

  /**
   * Calls `ask` until etcd gives an answer that decides; `ask` must be harmless when it is executed twice, or late. Rejects with
   * what etcd refused, with LogClosed, and once `isOver` holds with the last word that said nothing.
   */
  async decided<T>(ask: () => Promise<T>, isOver: () => boolean = () => false): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.until(ask());
      } catch (error) {
        if (!saysNothing(error) || isOver()) throw error;
      }
      await this.pause(attempt);
    }
  }
}

function closedOr(error: unknown): unknown {
  if (!(error instanceof EtcdError) || error.problem !== 'closed') return error;
  return new LogClosed('the client of etcd under the log is closed', { cause: error });
}

export function saysNothing(error: unknown): error is EtcdError {
  return error instanceof EtcdError && error.problem === 'unknown';
}

export function isNoSpace(error: unknown): error is EtcdError {
  return error instanceof EtcdError && error.problem === 'no-space';
}
