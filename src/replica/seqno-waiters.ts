import type { Seqno } from '../model/ids.js';
import type { Cancel, Timers } from '../runtime/runtime.js';

interface Waiter {
  readonly wanted: Seqno;
  readonly settle: (reached: boolean) => void;
  settled: boolean;
}

/** Those who wait until a store has applied a seqno. A binary heap on the seqno, bounded. */
export class SeqnoWaiters {
  readonly #timers: Timers;
  readonly #max: number;
  readonly #heap: Waiter[] = [];
  #live = 0;
  #applied: Seqno;

  constructor(timers: Timers, max: number, applied: Seqno) {
    this.#timers = timers;
    this.#max = max;
    this.#applied = applied;
  }

  /** True once `wanted` is applied, false when `timeoutMs` runs out first; 'full' when too many wait already. */
  wait(wanted: Seqno, timeoutMs: number): Promise<boolean> | boolean | 'full' {
    if (wanted <= this.#applied) return true;
    if (this.#live >= this.#max) return 'full';
    return new Promise((resolve) => {
      let cancel: Cancel = () => {};
      const settle = (reached: boolean): void => {
        if (waiter.settled) return;
        waiter.settled = true;
        this.#live -= 1;
        cancel();
        resolve(reached);
      };
      const waiter: Waiter = { wanted, settle, settled: false };
      cancel = this.#timers.after(timeoutMs, () => settle(false));
      this.#live += 1;
      this.#dropSettledWhenMany();
      this.#push(waiter);
    });
  }

  /** Wakes everyone up to `applied`. */
  advance(applied: Seqno): void {
    this.#applied = applied;
    while (this.#heap.length > 0 && this.#heap[0]!.wanted <= applied) this.#pop().settle(true);
  }

  #push(waiter: Waiter): void {
    const heap = this.#heap;
    let at = heap.push(waiter) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.wanted <= waiter.wanted) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = waiter;
  }

  /** Timed-out waiters stay in the heap until their seqno comes; it must not grow while none comes. */
  #dropSettledWhenMany(): void {
    if (this.#heap.length < 2 * this.#max) return;
    for (const waiter of this.#heap.splice(0)) if (!waiter.settled) this.#push(waiter);
  }

  #pop(): Waiter {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.wanted < heap[child]!.wanted) child += 1;
      if (heap[child]!.wanted >= last.wanted) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
