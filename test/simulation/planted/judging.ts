import { vi } from 'vitest';
import { CertificationIndex } from '../../../src/certification/certification-index.js';
import type { CertificationRequest } from '../../../src/certification/request.js';
import { failure, type Result } from '../../../src/model/errors.js';
import { limits } from '../../../src/model/limits.js';
import type { BatchContext } from '../../../src/sequencer/batch.js';
import { OpenTransaction } from '../../../src/transaction/interactive.js';
import type { Committed } from '../../../src/transaction/service.js';
import { divert } from './modules.js';

interface Judged {
  readonly index: CertificationIndex;
  readonly request: CertificationRequest;
}

/** Early judgement goes on for transactions whose COMMIT is under way, and its word is told. */
export function doomingAtCommit(): void {
  const { firstConflict, record } = CertificationIndex.prototype;
  const { commit } = OpenTransaction.prototype;
  const judged = new WeakMap<OpenTransaction, Judged>();
  const committing = new Map<Judged, (answer: Result<Committed>) => void>();
  let asking: OpenTransaction | undefined;
  const askingFor = <T>(transaction: OpenTransaction, work: () => T): T => {
    asking = transaction;
    const answer = work();
    asking = undefined;
    return answer;
  };
  for (const operation of ['get', 'list', 'mutate'] as const) {
    const real = OpenTransaction.prototype[operation] as (...args: unknown[]) => Promise<never>;
    vi.spyOn(OpenTransaction.prototype, operation).mockImplementation(function (
      this: OpenTransaction,
      ...args: unknown[]
    ) {
      return askingFor(this, () => real.apply(this, args));
    });
  }
  vi.spyOn(CertificationIndex.prototype, 'firstConflict').mockImplementation(function (
    this: CertificationIndex,
    request,
  ) {
    if (asking !== undefined) judged.set(asking, { index: this, request });
    return firstConflict.call(this, request);
  });
  vi.spyOn(OpenTransaction.prototype, 'commit').mockImplementation(function (this: OpenTransaction) {
    const real = askingFor(this, () => commit.call(this));
    const known = judged.get(this);
    if (known === undefined) return real;
    return new Promise((resolve) => {
      committing.set(known, resolve);
      void real.then(resolve).then(() => committing.delete(known));
    });
  });
  vi.spyOn(CertificationIndex.prototype, 'record').mockImplementation(function (
    this: CertificationIndex,
    seqno,
    effects,
  ) {
    record.call(this, seqno, effects);
    for (const [{ index, request }, tell] of committing) {
      if (index !== this || firstConflict.call(index, request) === undefined) continue;
      tell({ ok: false, failure: failure('TRANSACTION_ABORTED', 'doomed', { outcome: 'not-committed' }) });
    }
  });
}

/** The sequencer compares an id's time with its clock, and not with the floor of its log; so do the nodes. */
export function judgingIdsByTheClock(): void {
  let batch: BatchContext | undefined;
  let floorMs = 0;
  divert({
    onBatch: (context) => {
      batch = context;
      if (context !== undefined) floorMs = Math.max(floorMs, context.tip.idFloorMs, context.idFloorMs);
    },
    transactionTimeMs: (real) => (id) => {
      const madeMs = real(id);
      if (batch !== undefined && madeMs < batch.nowMs - limits.outcomesMsMax) return 0;
      return Math.max(madeMs, floorMs);
    },
  });
}

/** An index that takes commits in whatever order, as one must that is fed over a hole. */
export function withoutOrderInTheIndex(): void {
  const { record } = CertificationIndex.prototype;
  vi.spyOn(CertificationIndex.prototype, 'record').mockImplementation(function (
    this: CertificationIndex,
    seqno,
    effects,
  ) {
    (this as unknown as { lastSeqno: number }).lastSeqno = seqno - 1;
    record.call(this, seqno, effects);
  });
}
