import { assert, assertNever } from '../model/assert.js';
import type { Seqno } from '../model/ids.js';
import { rangeIsEmpty, type Key, type KeyRange } from '../model/keys.js';
import type { Conflict } from '../model/outcome.js';
import type { Effect } from '../model/write-set.js';
import { findConflict, type WriteHistory } from './conflict-rules.js';
import { DeletedRanges } from './deleted-ranges.js';
import { needsSnapshot, type CertificationRequest, type Verdict } from './request.js';
import { RecordedCommits } from './recorded-commits.js';
import { WrittenKeys } from './written-keys.js';

/** What the window holds at most, each ≥ 1; see `limits.window…`. */
export interface WindowBounds {
  readonly transactionsMax: number;
  /** Keys, counted once for every commit that wrote them. */
  readonly keysMax: number;
  readonly deletedRangesMax: number;
}

/**
 * The writes of a window of recent commits, and the certifier on them. One and the same class judges at the sequencer
 * and early at every node. A pure function of the commits recorded, the bounds and the request: no clock, no randomness.
 *
 * Costs: a key is one look-up in a hash map, a range one binary search and a skip over runs of keys; recording and
 * forgetting are O(log keys) per key, amortized (a known key: O(1)). Memory follows the bounds.
 */
export class CertificationIndex implements WriteHistory {
  private readonly keys = new WrittenKeys();
  private readonly ranges = new DeletedRanges();
  private readonly commits: RecordedCommits;
  private floorSeqno: Seqno;
  private lastSeqno: Seqno;

  /** Knows every commit after `floor`, of which there is none yet. */
  constructor(
    private readonly bounds: WindowBounds,
    floor: Seqno,
  ) {
    const { transactionsMax, keysMax, deletedRangesMax } = bounds;
    assert(
      transactionsMax >= 1 && keysMax >= 1 && deletedRangesMax >= 1,
      'a window has bounds of at least 1',
    );
    this.commits = new RecordedCommits(transactionsMax);
    this.floorSeqno = floor;
    this.lastSeqno = floor;
  }

  /** The oldest snapshot that can be judged: every commit after it is known. It only rises. */
  get floor(): Seqno {
    return this.floorSeqno;
  }

  /** The last commit recorded. */
  get last(): Seqno {
    return this.lastSeqno;
  }

  /** Adds the next commit in the order: `seqno` is `last` + 1. The oldest ones leave when a bound is exceeded. */
  record(seqno: Seqno, effects: readonly Effect[]): void {
    assert(seqno === this.lastSeqno + 1, `commit ${seqno} does not follow ${this.lastSeqno}`);
    for (const effect of effects) {
      switch (effect.kind) {
        case 'plain':
        case 'atomic':
          this.commits.addKey(this.keys.write(effect.key, effect.kind, seqno));
          break;
        case 'range':
          if (rangeIsEmpty(effect.range)) break;
          this.ranges.add(effect.range, seqno);
          this.commits.addDeletedRange();
          break;
        default:
          assertNever(effect);
      }
    }
    this.commits.end();
    this.lastSeqno = seqno;
    this.shrinkToBounds();
  }

  /**
   * The verdict on a request whose place is right after `last`. A snapshot that the request does not need may be older
   * than the floor, not ahead of the order. Throws when a needed one is missing: the edge has to refuse that.
   */
  certify(request: CertificationRequest): Verdict {
    const { snapshot } = request;
    if (snapshot !== undefined && snapshot > this.lastSeqno) {
      return { kind: 'snapshot-ahead', tail: this.lastSeqno };
    }
    if (!needsSnapshot(request)) return { kind: 'commit' };
    assert(snapshot !== undefined, 'a request that depends on its snapshot carries one');
    if (snapshot < this.floorSeqno) return { kind: 'snapshot-too-old', oldest: this.floorSeqno };
    const conflict = findConflict(this, request, snapshot);
    return conflict === undefined ? { kind: 'commit' } : { kind: 'conflict', conflict };
  }

  /**
   * Early judgement: a winner among the commits still known, whatever the floor. What it finds is final, since every
   * later place in the order finds a conflict too (or the snapshot too old); undefined promises nothing.
   */
  firstConflict(request: CertificationRequest): Conflict | undefined {
    if (!needsSnapshot(request)) return undefined;
    assert(request.snapshot !== undefined, 'a request that depends on its snapshot carries one');
    return findConflict(this, request, request.snapshot);
  }

  lastWrite(key: Key): Seqno {
    const written = this.keys.get(key);
    const deleted = this.ranges.lastCovering(key);
    if (written === undefined) return deleted as Seqno;
    return Math.max(written.plain, written.atomic, deleted) as Seqno;
  }

  lastPlainWrite(key: Key): Seqno {
    return Math.max(this.keys.get(key)?.plain ?? 0, this.ranges.lastCovering(key)) as Seqno;
  }

  firstWrittenAfter(range: KeyRange, after: Seqno): Key | undefined {
    if (this.lastSeqno <= after || rangeIsEmpty(range)) return undefined;
    const deleted = this.ranges.firstDeletedAfter(range, after);
    const written = this.keys.firstWrittenAfter(range, after);
    if (deleted === undefined || written === undefined) return deleted ?? written;
    return deleted < written ? deleted : written;
  }

  private shrinkToBounds(): void {
    const { transactionsMax, keysMax, deletedRangesMax } = this.bounds;
    const deletedRangesBefore = this.commits.deletedRanges;
    while (
      this.lastSeqno - this.floorSeqno > transactionsMax ||
      this.commits.keys > keysMax ||
      this.commits.deletedRanges > deletedRangesMax
    ) {
      this.forgetOldest();
    }
    if (this.commits.deletedRanges < deletedRangesBefore) this.ranges.forgetUpTo(this.floorSeqno);
  }

  /** A key leaves with the last commit that wrote it. */
  private forgetOldest(): void {
    const seqno = (this.floorSeqno + 1) as Seqno;
    this.commits.forgetOldest((written) => {
      if (written.plain <= seqno && written.atomic <= seqno) this.keys.drop(written);
    });
    this.floorSeqno = seqno;
  }
}
