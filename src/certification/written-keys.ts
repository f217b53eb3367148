import { firstKey, type Key, type KeyRange } from '../model/keys.js';

/** A key with the seqnos of its last plain write and last atomic mutation; 0: none that is still known. */
export interface WrittenKey {
  readonly key: Key;
  plain: number;
  atomic: number;
  /** Where it stands in the order of keys. */
  run: Run;
}

/** Neighbours in the order of keys. A dropped one keeps its place, without seqnos, until the run is tidied. */
interface Run {
  /** Ascending. Beside the members, so that a search touches the keys alone. */
  keys: Key[];
  members: WrittenKey[];
  dropped: number;
  /** The highest seqno of any member; it may also be that of a member since dropped, never of anything later. */
  newest: number;
}

const runLengthMax = 128;

/**
 * Keys with their last writes: by key in O(1), and in bytewise order as a list of runs that each know their newest
 * write, so that "the first key of this range written after S" skips whole runs (as FoundationDB's conflict set does
 * with the versions on its skip list's links). Rewriting a known key, or dropping one, compares no keys.
 */
export class WrittenKeys {
  private readonly byKey = new Map<Key, WrittenKey>();
  /** `runs[i]` has the keys from `starts[i]` up to the next start; the first begins with the smallest key. */
  private readonly starts: Key[] = [firstKey];
  private readonly runs: Run[] = [{ keys: [], members: [], dropped: 0, newest: 0 }];

  get(key: Key): WrittenKey | undefined {
    return this.byKey.get(key);
  }

  /** `seqno` is at least that of every earlier write. The returned object stays the same until the key is dropped. */
  write(key: Key, kind: 'plain' | 'atomic', seqno: number): WrittenKey {
    const written = this.byKey.get(key);
    if (written === undefined) return this.insert(key, kind, seqno);
    note(written, kind, seqno);
    return written;
  }

  /** Does nothing when the key was dropped before. */
  drop(written: WrittenKey): void {
    if (!this.byKey.delete(written.key)) return;
    written.plain = 0;
    written.atomic = 0;
    const { run } = written;
    run.dropped++;
    if (run.dropped > run.members.length / 4) this.tidy(run);
  }

  /** The smallest key of the range whose last write is after `after`. */
  firstWrittenAfter(range: KeyRange, after: number): Key | undefined {
    let at = indexAt(this.starts, range.start);
    let from = lowerBound(this.runs[at]!.keys, range.start);
    for (; at < this.runs.length; at++, from = 0) {
      if (range.end !== undefined && this.starts[at]! >= range.end) return undefined;
      const { members, newest } = this.runs[at]!;
      if (newest <= after) continue;
      for (let i = from; i < members.length; i++) {
        const { key, plain, atomic } = members[i]!;
        if (plain <= after && atomic <= after) continue;
        return range.end === undefined || key < range.end ? key : undefined;
      }
    }
    return undefined;
  }

  private insert(key: Key, kind: 'plain' | 'atomic', seqno: number): WrittenKey {
    const at = indexAt(this.starts, key);
    const run = this.runs[at]!;
    const written: WrittenKey = { key, plain: 0, atomic: 0, run };
    note(written, kind, seqno);
    this.byKey.set(key, written);
    const place = lowerBound(run.keys, key);
    if (run.keys[place] === key) {
      run.members[place] = written;
      run.dropped--;
      return written;
    }
    run.keys.splice(place, 0, key);
    run.members.splice(place, 0, written);
    if (run.keys.length > runLengthMax) this.split(at);
    return written;
  }

  private split(at: number): void {
    const left = this.runs[at]!;
    const right: Run = {
      keys: left.keys.splice(runLengthMax >> 1),
      members: left.members.splice(runLengthMax >> 1),
      dropped: 0,
      newest: 0,
    };
    for (const written of right.members) written.run = right;
    this.runs.splice(at + 1, 0, right);
    this.starts.splice(at + 1, 0, right.keys[0]!);
    this.recount(left);
    this.recount(right);
  }

  /** Takes out what was dropped, and joins neighbours that together are short. */
  private tidy(run: Run): void {
    const at = indexAt(this.starts, run.keys[0]!);
    run.members = run.members.filter(isKnown);
    run.keys = run.members.map(({ key }) => key);
    run.dropped = 0;
    this.joinIfShort(at);
    if (at > 0) this.joinIfShort(at - 1);
  }

  /** Takes the next run into this one. */
  private joinIfShort(at: number): void {
    const run = this.runs[at]!;
    const next = this.runs[at + 1];
    if (next === undefined || run.keys.length + next.keys.length > runLengthMax / 2) return;
    for (const written of next.members) written.run = run;
    run.keys.push(...next.keys);
    run.members.push(...next.members);
    run.dropped += next.dropped;
    run.newest = Math.max(run.newest, next.newest);
    this.runs.splice(at + 1, 1);
    this.starts.splice(at + 1, 1);
  }

  private recount(run: Run): void {
    run.newest = 0;
    run.dropped = 0;
    for (const written of run.members) {
      run.newest = Math.max(run.newest, written.plain, written.atomic);
      if (!isKnown(written)) run.dropped++;
    }
  }
}

function note(written: WrittenKey, kind: 'plain' | 'atomic', seqno: number): void {
  if (kind === 'plain') written.plain = seqno;
  else written.atomic = seqno;
  written.run.newest = seqno;
}

function isKnown(written: WrittenKey): boolean {
  return written.plain > 0 || written.atomic > 0;
}

/** The last of the ascending starts, the first of them the smallest key, that is at or before `key`. */
function indexAt(starts: readonly Key[], key: Key): number {
  const at = lowerBound(starts, key);
  return starts[at] === key ? at : at - 1;
}

/** The index of the first key at or after `key`. */
function lowerBound(keys: readonly Key[], key: Key): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
