import { limits } from '../model/limits.js';
import { every, type Cancel, type Timers } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';

const lookEveryMs = 500;
/** In a row; looks are counted and not time, for a process that stood still looks at once when it goes on. */
const looksMax = Math.ceil(limits.diskStallMsMax / lookEveryMs);

/** Notices that a store's disk hangs: a change of the store neither ends nor fails for `limits.diskStallMsMax`. */
export class DiskStall {
  readonly #store: Pick<KeyspaceStore, 'underWay'>;
  readonly #cancel: Cancel;
  #seen: object | undefined;
  #looks = 0;

  constructor(store: Pick<KeyspaceStore, 'underWay'>, timers: Timers) {
    this.#store = store;
    this.#cancel = every(timers, lookEveryMs, () => this.#look());
  }

  /** For the operator; undefined while changes end. */
  get why(): string | undefined {
    const { underWay } = this.#store;
    const isStalled = underWay !== undefined && underWay === this.#seen && this.#looks > looksMax;
    return isStalled ? 'its disk hangs: a write there neither ends nor fails' : undefined;
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const { underWay } = this.#store;
    this.#looks = underWay === this.#seen ? this.#looks + 1 : 1;
    this.#seen = underWay;
  }
}
