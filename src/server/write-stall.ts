import { limits } from '../model/limits.js';
import { every, type Cancel, type Timers } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';

const lookEveryMs = 500;
/** In a row; looks are counted and not time, for a process that stood still looks at once when it goes on. */
const looksMax = Math.ceil(limits.writeStallMsMax / lookEveryMs);

/** Notices that a store's disk hangs: a write neither ends nor fails for `limits.writeStallMsMax`. */
export class WriteStall {
  readonly #store: Pick<KeyspaceStore, 'writing'>;
  readonly #cancel: Cancel;
  #seen: object | undefined;
  #looks = 0;

  constructor(store: Pick<KeyspaceStore, 'writing'>, timers: Timers) {
    this.#store = store;
    this.#cancel = every(timers, lookEveryMs, () => this.#look());
  }

  /** For the operator; undefined while writes end. */
  get why(): string | undefined {
    const { writing } = this.#store;
    const isStalled = this.#looks > looksMax && writing !== undefined && writing === this.#seen;
    return isStalled ? 'a write to its disk does not end' : undefined;
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const { writing } = this.#store;
    this.#looks = writing === this.#seen ? this.#looks + 1 : 1;
    this.#seen = writing;
  }
}
