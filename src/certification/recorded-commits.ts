import type { WrittenKey } from './written-keys.js';

/**
 * What each commit of a window wrote, oldest first. Counts in rings and the keys in one queue: an object for each commit
 * would live as long as the window and cost the garbage collector more than the commit itself.
 */
export class RecordedCommits {
  readonly #keyCounts: Uint32Array;
  readonly #rangeCounts: Uint32Array;
  #oldest = 0;
  /** The slot of the commit that is being added. */
  #next = 0;
  #written: WrittenKey[] = [];
  /** Those before it are forgotten already. */
  #first = 0;
  #deletedRanges = 0;

  /** Up to `commitsMax` commits, and one more that is being added. */
  constructor(commitsMax: number) {
    this.#keyCounts = new Uint32Array(commitsMax + 1);
    this.#rangeCounts = new Uint32Array(commitsMax + 1);
  }

  /** Keys of all commits, counted once for every commit that wrote them. */
  get keys(): number {
    return this.#written.length - this.#first;
  }

  get deletedRanges(): number {
    return this.#deletedRanges;
  }

  /** To the commit that is being added. */
  addKey(written: WrittenKey): void {
    this.#written.push(written);
    this.#keyCounts[this.#next]! += 1;
  }

  addDeletedRange(): void {
    this.#rangeCounts[this.#next]! += 1;
    this.#deletedRanges += 1;
  }

  /** The commit that was being added is whole. HAZARD: with `commitsMax` before it, the oldest must be forgotten now. */
  end(): void {
    this.#next = this.#after(this.#next);
  }

  forgetOldest(forget: (written: WrittenKey) => void): void {
    const end = this.#first + this.#keyCounts[this.#oldest]!;
    while (this.#first < end) forget(this.#written[this.#first++]!);
    this.#deletedRanges -= this.#rangeCounts[this.#oldest]!;
    this.#keyCounts[this.#oldest] = 0;
    this.#rangeCounts[this.#oldest] = 0;
    this.#oldest = this.#after(this.#oldest);
    this.#letGo();
  }

  /** The forgotten ones are let go together, so that each key is moved about once. */
  #letGo(): void {
    if (this.#first < 1024 || this.#first < this.#written.length / 2) return;
    this.#written = this.#written.slice(this.#first);
    this.#first = 0;
  }

  #after(slot: number): number {
    return slot + 1 === this.#keyCounts.length ? 0 : slot + 1;
  }
}
