import type { Runtime } from '../../../src/runtime/runtime.js';
import type { SeededRandom } from './seeded-random.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

export interface WallClock {
  /** Against the world's time. */
  skewMs: number;
}

/** Wall time at the world's beginning, ms since the Unix epoch. */
export const beginningMs = Date.UTC(2026, 0, 1);

/**
 * One life of a node, from its start to its crash. After the death nothing of it is heard any more: its timers do not
 * fire, its streams and its disks do nothing.
 */
export class Incarnation {
  readonly node: string;
  readonly runtime: Runtime;
  readonly #time: VirtualTime;
  readonly #mourners = new Set<() => void>();
  #alive = true;
  #frozenUntilMs = 0;

  constructor(
    node: string,
    world: { time: VirtualTime; trace: Trace; random: SeededRandom; wall: WallClock },
  ) {
    const { time, trace, random, wall } = world;
    this.node = node;
    this.#time = time;
    const logger = trace.logger(node);
    this.runtime = {
      clock: {
        nowMs: () => Math.floor(beginningMs + time.nowMs + wall.skewMs),
        monotonicMs: () => time.nowMs,
      },
      timers: {
        after: (delayMs, action) => this.after(delayMs, action),
        soon: (action) => void this.after(0, action),
      },
      random,
      logger: { ...logger, debug: (fields, message) => this.#alive && logger.debug(fields, message) },
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  after(delayMs: number, action: () => void): () => void {
    let cancel = this.#time.after(delayMs, () => {
      if (!this.#alive) return;
      if (!this.frozen) action();
      else cancel = this.after(this.#frozenUntilMs - this.#time.nowMs, action);
    });
    return () => cancel();
  }

  /** The process stands still, as under SIGSTOP; what falls due meanwhile comes after it, in order. */
  freeze(forMs: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#time.nowMs + forMs);
  }

  get frozen(): boolean {
    return this.#time.nowMs < this.#frozenUntilMs;
  }

  /** Called at the death, once; at once when it is dead already. Returns its removal. */
  onDeath(mourn: () => void): () => void {
    if (!this.#alive) mourn();
    else this.#mourners.add(mourn);
    return () => this.#mourners.delete(mourn);
  }

  die(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const mourn of [...this.#mourners]) mourn();
  }
}
