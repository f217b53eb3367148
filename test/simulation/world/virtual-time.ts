import type { Cancel } from '../../../src/runtime/runtime.js';

interface Event {
  readonly timeMs: number;
  readonly order: number;
  /** Undefined once it is cancelled: then it keeps nothing alive. */
  action: (() => void) | undefined;
}

const eventsPerRound = 100;

/**
 * The one event queue of a simulated world. Time stands still while code runs and jumps from event to event; events of the
 * same moment run in the order in which they were planned.
 */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): Cancel {
    const timeMs = this.#nowMs + Math.max(0, delayMs);
    const event: Event = { timeMs, order: this.#order++, action };
    this.#push(event);
    return () => {
      event.action = undefined;
    };
  }

  /**
   * Runs event after event, each with all microtasks that follow from it, until `over` says so. Rejects with what it or an
   * event throws, and when there is no event left: the world is stuck.
   */
  run(over: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let ended = false;
      const end = (settle: () => void): void => {
        ended = true;
        settle();
      };
      const turn = (): void => {
        if (ended) return;
        try {
          if (over()) end(resolve);
          else this.#next();
        } catch (error) {
          end(() => reject(error as Error));
        }
      };
      // Between two immediates Node runs every microtask and nextTick; many in one round cost one look at the I/O.
      const round = (): void => {
        if (ended) return;
        for (let i = 0; i < eventsPerRound; i++) setImmediate(turn);
        setImmediate(round);
      };
      round();
    });
  }

  #next(): void {
    let event = this.#pop();
    while (event.action === undefined) event = this.#pop();
    this.#nowMs = event.timeMs;
    event.action();
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined)
      throw new Error('nothing will ever happen again in this world');
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.order < b.order);
}
