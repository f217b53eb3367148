import { assert } from '../../model/assert.js';
import type { Seqno } from '../../model/ids.js';
import type { AppliedEntry } from '../../storage/store.js';
import { EntryCommits } from './entry-commits.js';

/** What a decoded entry and each of its mutations weigh beside the entry's bytes, about. */
const entryOverheadBytes = 512;
const mutationOverheadBytes = 256;

interface Kept {
  readonly commits: EntryCommits;
  readonly bytes: number;
  readonly weight: number;
}

/** The entries just applied that carry transactions, dense in their seqnos, decoded once for all who read them. Bounded. */
export class RecentEntries {
  readonly #weightMax: number;
  #kept: Kept[] = [];
  /** Those before it are dropped already. */
  #first = 0;
  #weight = 0;

  /** Keeps about `weightMax` bytes, the newest entry at least. */
  constructor(weightMax: number) {
    this.#weightMax = weightMax;
  }

  /** They follow those that are there. */
  add({ entry, bytes, outcomes }: AppliedEntry): void {
    if (entry.count === 0) return;
    const last = this.#kept.at(-1)?.commits;
    assert(last === undefined || entry.firstSeqno === last.lastSeqno + 1, 'recent entries are dense');
    const commits = new EntryCommits(entry, (item) => outcomes[item]?.outcome);
    let mutations = 0;
    for (const { outcome } of outcomes) if (outcome.kind === 'committed') mutations += outcome.results.length;
    const weight = bytes.length + entryOverheadBytes + mutations * mutationOverheadBytes;
    this.#kept.push({ commits, bytes: bytes.length, weight });
    this.#weight += weight;
    this.#dropOldest();
  }

  clear(): void {
    this.#kept = [];
    this.#first = 0;
    this.#weight = 0;
  }

  /** Entries from the one with the seqno after `after` on, of `bytesMax` together, one at least; undefined when it is not there. */
  after(after: Seqno, bytesMax: number): readonly EntryCommits[] | undefined {
    const wanted = after + 1;
    const oldest = this.#kept[this.#first]?.commits;
    if (oldest === undefined || wanted < oldest.firstSeqno) return undefined;
    let from = this.#first;
    for (let end = this.#kept.length; from < end;) {
      const middle = (from + end) >>> 1;
      if (this.#kept[middle]!.commits.lastSeqno < wanted) from = middle + 1;
      else end = middle;
    }
    const found: EntryCommits[] = [];
    for (let bytes = 0; from < this.#kept.length; from++) {
      const one = this.#kept[from]!;
      bytes += one.bytes;
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(one.commits);
    }
    return found.length === 0 ? undefined : found;
  }

  #dropOldest(): void {
    while (this.#weight > this.#weightMax && this.#first < this.#kept.length - 1) {
      this.#weight -= this.#kept[this.#first]!.weight;
      this.#first += 1;
    }
    // Dropped ones are let go together, so that each is moved about once.
    if (this.#first < 64 || this.#first < this.#kept.length / 2) return;
    this.#kept = this.#kept.slice(this.#first);
    this.#first = 0;
  }
}
