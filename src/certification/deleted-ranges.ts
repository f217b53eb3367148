import { firstKey, rangeIsEmpty, type Key, type KeyRange } from '../model/keys.js';

/**
 * For every key the seqno of the last deleted range that covers it: a step function over the keys, since a later
 * range hides what it covers of earlier ones. n ranges make at most 2n + 1 steps. A look-up is a binary search.
 */
export class DeletedRanges {
  /** Step i covers the keys from `starts[i]` up to the next start; 0 means no range that is still known. */
  private readonly starts: Key[] = [firstKey];
  private readonly seqnos: number[] = [0];

  /** `seqno` is at least that of every earlier range. O(steps). */
  add(range: KeyRange, seqno: number): void {
    if (rangeIsEmpty(range)) return;
    const from = this.stepFrom(range.start);
    const to = range.end === undefined ? this.starts.length : this.stepFrom(range.end);
    this.starts.splice(from, to - from, range.start);
    this.seqnos.splice(from, to - from, seqno);
  }

  /** Forgets the ranges up to and including `floor`. O(steps). */
  forgetUpTo(floor: number): void {
    let kept = 0;
    for (let i = 0; i < this.starts.length; i++) {
      const seqno = this.seqnos[i]! <= floor ? 0 : this.seqnos[i]!;
      if (kept > 0 && this.seqnos[kept - 1] === seqno) continue;
      this.starts[kept] = this.starts[i]!;
      this.seqnos[kept] = seqno;
      kept++;
    }
    this.starts.length = kept;
    this.seqnos.length = kept;
  }

  /** The seqno of the last deleted range that covers the key, else 0. */
  lastCovering(key: Key): number {
    return this.seqnos[this.stepAt(key)]!;
  }

  /** The smallest key of the range, written or not, that a range deleted after `after`. */
  firstDeletedAfter(range: KeyRange, after: number): Key | undefined {
    if (rangeIsEmpty(range)) return undefined;
    for (let at = this.stepAt(range.start); at < this.starts.length; at++) {
      const start = this.starts[at]!;
      if (range.end !== undefined && start >= range.end) return undefined;
      if (this.seqnos[at]! > after) return start > range.start ? start : range.start;
    }
    return undefined;
  }

  /** The step that begins at the key; made of the one around it when there is none. */
  private stepFrom(key: Key): number {
    const at = this.stepAt(key);
    if (this.starts[at] === key) return at;
    this.starts.splice(at + 1, 0, key);
    this.seqnos.splice(at + 1, 0, this.seqnos[at]!);
    return at + 1;
  }

  /** The step that covers the key. */
  private stepAt(key: Key): number {
    let low = 1;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle]! <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
