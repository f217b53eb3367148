import type { Cancel, Clock, Timers } from '../runtime/runtime.js';

/** One direction of a long cable: what goes in comes out after a fixed time, in order, however much is under way. */
export class DelayLine<T> {
  /** Compacted now and then; `head` is the first that is still under way. */
  private queue: { readonly dueMs: number; readonly item: T }[] = [];
  private head = 0;
  private cancel: Cancel | undefined;

  constructor(
    private readonly options: {
      readonly clock: Clock;
      readonly timers: Timers;
      /** ≥ 0. */
      readonly delayMs: number;
      /** Called for each item, never inside of `push`. */
      readonly deliver: (item: T) => void;
    },
  ) {}

  get length(): number {
    return this.queue.length - this.head;
  }

  push(item: T): void {
    this.queue.push({ dueMs: this.options.clock.monotonicMs() + this.options.delayMs, item });
    if (this.cancel === undefined) this.arm();
  }

  /** Drops what is under way. */
  clear(): void {
    this.cancel?.();
    this.cancel = undefined;
    this.queue = [];
    this.head = 0;
  }

  private arm(): void {
    const first = this.queue[this.head];
    this.cancel =
      first === undefined
        ? undefined
        : this.options.timers.after(first.dueMs - this.options.clock.monotonicMs(), () => this.release());
  }

  private release(): void {
    const nowMs = this.options.clock.monotonicMs();
    for (let next = this.queue[this.head]; next !== undefined && next.dueMs <= nowMs;) {
      this.head++;
      this.options.deliver(next.item);
      next = this.queue[this.head];
    }
    if (this.head > 1024 || this.head === this.queue.length) {
      this.queue.splice(0, this.head);
      this.head = 0;
    }
    this.arm();
  }
}
