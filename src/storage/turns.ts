/** Runs pieces of asynchronous work one after another, in the order of the calls. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #current: object | undefined;

  /** The piece that is under way, another object each time; undefined while none is. */
  get current(): object | undefined {
    return this.#current;
  }

  /** Runs `work` when all before it have ended; its failure is the caller's alone. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      this.#current = run;
      try {
        return await work();
      } finally {
        this.#current = undefined;
      }
    };
    const mine = this.#last.then(run, run);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
