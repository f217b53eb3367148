import type * as Outcomes from '../../../src/client/outcomes.js';
import { decodeEntry } from '../../../src/model/entry.js';
import { seqno, type TransactionId } from '../../../src/model/ids.js';
import type * as Barrier from '../../../src/sequencer/barrier.js';
import type * as Batch from '../../../src/sequencer/batch.js';
import type * as Follow from '../../../src/storage/follow.js';
import type * as HistoryGuard from '../../../src/sequencer/history-guard.js';
import type * as Trim from '../../../src/storage/trim.js';
import type * as VerifyCopy from '../../../src/storage/verify-copy.js';
import type * as TransactionIds from '../../../src/model/transaction-id.js';
import type * as Changes from '../../../src/transaction/changes/commit-changes.js';

type DecodeFollowing = typeof Follow.decodeFollowing;

/** Functions of `src/` that take another way while a bug is planted; planted-bugs.test.ts puts them into the modules. */
interface Ways {
  readonly decodeFollowing?: (real: DecodeFollowing) => DecodeFollowing;
  readonly barrierAfter?: (real: typeof Barrier.barrierAfter) => typeof Barrier.barrierAfter;
  /** Called before each batch is built, and without a context once it is. */
  readonly onBatch?: (context: Batch.BatchContext | undefined) => void;
  readonly changesIn?: (real: typeof Changes.changesIn) => typeof Changes.changesIn;
  readonly settleOutcome?: (real: typeof Outcomes.settleOutcome) => typeof Outcomes.settleOutcome;
  readonly disagreement?: (real: typeof HistoryGuard.disagreement) => typeof HistoryGuard.disagreement;
  readonly dropOutcomes?: (real: typeof Trim.dropOutcomes) => typeof Trim.dropOutcomes;
  readonly verifyRows?: (real: typeof VerifyCopy.verifyRows) => typeof VerifyCopy.verifyRows;
  readonly transactionTimeMs?: (real: (id: TransactionId) => number) => (id: TransactionId) => number;
}

let ways: Ways = {};

/** Until `asWritten`. */
export function divert(to: Ways): void {
  ways = to;
}

export function asWritten(): void {
  ways = {};
}

export const divertFollow = (real: typeof Follow): typeof Follow => ({
  ...real,
  decodeFollowing: (head, entries) =>
    (ways.decodeFollowing?.(real.decodeFollowing) ?? real.decodeFollowing)(head, entries),
});

export const divertBarrier = (real: typeof Barrier): typeof Barrier => ({
  barrierAfter: (before, logTimeMs, node) =>
    (ways.barrierAfter?.(real.barrierAfter) ?? real.barrierAfter)(before, logTimeMs, node),
});

export const divertBatch = (real: typeof Batch): typeof Batch => ({
  buildBatch: (requests, context) => {
    ways.onBatch?.(context);
    const batch = real.buildBatch(requests, context);
    ways.onBatch?.(undefined);
    return batch;
  },
});

export const divertChanges = (real: typeof Changes): typeof Changes => ({
  changesIn: (commit, range) => (ways.changesIn?.(real.changesIn) ?? real.changesIn)(commit, range),
});

export const divertOutcomes = (real: typeof Outcomes): typeof Outcomes => ({
  ...real,
  settleOutcome: (calls, asked, bounds) =>
    (ways.settleOutcome?.(real.settleOutcome) ?? real.settleOutcome)(calls, asked, bounds),
});

export const divertTransactionIds = (real: typeof TransactionIds): typeof TransactionIds => ({
  ...real,
  transactionTimeMs: (id) => (ways.transactionTimeMs?.(real.transactionTimeMs) ?? real.transactionTimeMs)(id),
});

export const divertHistoryGuard = (real: typeof HistoryGuard): typeof HistoryGuard => ({
  disagreement: (node, hello, history) =>
    (ways.disagreement?.(real.disagreement) ?? real.disagreement)(node, hello, history),
});

export const divertTrim = (real: typeof Trim): typeof Trim => ({
  ...real,
  dropOutcomes: (state, beforeMs) =>
    (ways.dropOutcomes?.(real.dropOutcomes) ?? real.dropOutcomes)(state, beforeMs),
});

export const divertVerifyCopy = (real: typeof VerifyCopy): typeof VerifyCopy => ({
  ...real,
  verifyRows: (database, chunks) => (ways.verifyRows?.(real.verifyRows) ?? real.verifyRows)(database, chunks),
});

/** Takes entries one by one without asking whether they follow. */
export const followingAnything =
  (real: DecodeFollowing): DecodeFollowing =>
  (head, entries) => {
    let at = head;
    const decoded = entries.flatMap((bytes) => {
      const { position, previousHash, firstSeqno, kind } = decodeEntry(bytes);
      const before = kind === 'genesis' ? 0 : firstSeqno - 1;
      const followed = real(
        { ...at, position: position - 1, chainHash: previousHash, seqno: seqno(before) },
        [bytes],
      );
      at = followed.head;
      return followed.decoded;
    });
    return { decoded, head: at };
  };
