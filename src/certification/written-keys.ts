import { assert } from '../model/assert.js';
import type { Key, KeyRange } from '../model/keys.js';

/** A key with the seqnos of its last plain write and last atomic mutation; 0: none that is still known. */
export interface WrittenKey {
  readonly key: Key;
  plain: number;
  atomic: number;
  /** Where it stands in the order of keys. */
  run: Run;
}

/** Neighbouring keys, in ascending order. */
interface Run {
  readonly members: WrittenKey[];
  /** The highest seqno of any member; it may also be that of a member since dropped, never of anything later. */
  newest: number;
}

const runLengthMax = 512;
const runLengthMin = runLengthMax / 4;

/**
 * Keys with their last writes: by key in O(1), and in bytewise order as a list of runs that each know their newest
 * write, so that "the first key of this range written after S" skips whole runs (as FoundationDB's conflict set does
 * with the versions on its skip list's links). Rewriting a known key costs one look-up and no comparison of keys.
 */
export class WrittenKeys {
  private readonly byKey = new Map<Key, WrittenKey>();
  private readonly runs: Run[] = [];

  get size(): number {
    return this.byKey.size;
  }

  get(key: Key): WrittenKey | undefined {
    return this.byKey.get(key);
  }

  /** `seqno` is at least that of every earlier write. The returned object stays the same until the key is dropped. */
  write(key: Key, kind: 'plain' | 'atomic', seqno: number): WrittenKey {
    const written = this.byKey.get(key) ?? this.insert(key);
    written[kind] = seqno;
    written.run.newest = seqno;
    return written;
  }

  /** Does nothing when the key was dropped before. */
  drop(written: WrittenKey): void {
    if (!this.byKey.delete(written.key)) return;
    const { run } = written;
    const at = run.members.length <= runLengthMin ? this.runAt(written.key) : -1;
    run.members.splice(lowerBound(run.members, written.key), 1);
    if (at >= 0) this.shrink(at);
  }

  /** The smallest key of the range whose last write is after `after`. */
  firstWrittenAfter(range: KeyRange, after: number): WrittenKey | undefined {
    let at = this.runAt(range.start);
    let from = at < this.runs.length ? lowerBound(this.runs[at]!.members, range.start) : 0;
    for (; at < this.runs.length; at++, from = 0) {
      const { members, newest } = this.runs[at]!;
      if (range.end !== undefined && members[0]!.key >= range.end) return undefined;
      if (newest <= after) continue;
      for (let i = from; i < members.length; i++) {
        const written = members[i]!;
        if (written.plain <= after && written.atomic <= after) continue;
        return range.end === undefined || written.key < range.end ? written : undefined;
      }
    }
    return undefined;
  }

  private insert(key: Key): WrittenKey {
    const at = this.runAt(key);
    if (at === this.runs.length) this.runs.push({ members: [], newest: 0 });
    const run = this.runs[at]!;
    const written: WrittenKey = { key, plain: 0, atomic: 0, run };
    this.byKey.set(key, written);
    run.members.splice(lowerBound(run.members, key), 0, written);
    if (run.members.length > runLengthMax) this.split(at);
    return written;
  }

  private split(at: number): void {
    const left = this.runs[at]!;
    const right: Run = { members: left.members.splice(runLengthMax >> 1), newest: 0 };
    for (const written of right.members) written.run = right;
    left.newest = newestOf(left.members);
    right.newest = newestOf(right.members);
    this.runs.splice(at + 1, 0, right);
  }

  /** Removes an empty run, or joins a short one with the next. */
  private shrink(at: number): void {
    const run = this.runs[at]!;
    if (run.members.length === 0) {
      this.runs.splice(at, 1);
      return;
    }
    const next = this.runs[at + 1];
    if (next === undefined || run.members.length + next.members.length > runLengthMax / 2) return;
    for (const written of next.members) {
      written.run = run;
      run.members.push(written);
    }
    run.newest = Math.max(run.newest, next.newest);
    this.runs.splice(at + 1, 1);
  }

  /** The run that has, or would take, the key: the last one that begins at or before it, else the first. */
  private runAt(key: Key): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const first = this.runs[middle]!.members[0];
      assert(first !== undefined, 'no run is empty');
      if (first.key <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The index of the first member at or after `key`. */
function lowerBound(members: readonly WrittenKey[], key: Key): number {
  let low = 0;
  let high = members.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (members[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function newestOf(members: readonly WrittenKey[]): number {
  let newest = 0;
  for (const { plain, atomic } of members) newest = Math.max(newest, plain, atomic);
  return newest;
}
