import { uuidToBytes, type TransactionId } from '../../src/model/ids.js';
import type { LoggedOutcome } from '../../src/model/outcome.js';
import { contentHashOf } from '../../src/model/write-set.js';
import type { SequencerLink } from '../../src/replica/sequencer-link.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import type { AppliedListener, KeyspaceStore } from '../../src/storage/store.js';
import { PendingCommits, type CommitAttempt, type Settled } from '../../src/transaction/pending-commits.js';
import type { Submission, Verdict } from '../../src/transport/messages.js';
import { ManualTime } from './manual-time.js';
import { idAt } from './sequenced.js';

export const hash = contentHashOf(['content']);
export const id = (n: number): TransactionId => idAt(1_000_000, n);

/** A node with a link and a store that the test plays. */
export class CommittingNode {
  readonly time = new ManualTime();
  readonly sent: Submission[] = [];
  readonly outcomes = new Map<TransactionId, LoggedOutcome>();
  /** The last seqno that the store has applied, and why it cannot be read now. */
  readonly store: { head: { seqno: number }; halted: string | undefined } = {
    head: { seqno: 6 },
    halted: undefined,
  };
  readonly link = {
    serving: true,
    status: { whyNot: 'cut off' },
    submit: (s: Submission) => void this.sent.push(s),
  };
  readonly commits: PendingCommits;
  #applied: AppliedListener = () => {};

  constructor(successorMsMax = 0) {
    const store = Object.assign(this.store, {
      outcome: (of: TransactionId) => this.outcomes.get(of),
      onApplied: (listener: AppliedListener) => void (this.#applied = listener),
    });
    const random = { bytes: (count: number) => Buffer.alloc(count), fraction: () => 0 };
    const runtime = { ...this.time, random, logger: silentLogger };
    this.commits = new PendingCommits(
      this.link as unknown as SequencerLink,
      store as unknown as KeyspaceStore,
      runtime,
      { successorMsMax },
    );
  }

  submit(of: TransactionId, more: Partial<CommitAttempt> & { bytes?: number } = {}): { settled?: Settled } {
    const { bytes = 100, ...rest } = more;
    const told: { settled?: Settled } = {};
    const none = new Uint8Array(0);
    const lists = { readKeys: [], readRanges: [], checkKeys: [] };
    const retry = rest.mayBeRetry ?? false;
    const submission = { writeSet: new Uint8Array(bytes), ...lists, retry, resolveId: none, resolveAs: none };
    const attempt = { id: of, contentHash: hash, mayBeRetry: false, submission, ...rest };
    void this.commits.submit(attempt).then((settled) => (told.settled = settled));
    return told;
  }

  verdict(of: TransactionId, verdict: Partial<Verdict>): void {
    const nothing = { conflictKey: new Uint8Array(0), conflictSeqno: 0, tombstone: false, seqno: 0 };
    const told = {
      transactionId: uuidToBytes(of),
      kind: 'refused',
      code: '',
      detail: '',
      ...nothing,
    } as const;
    this.commits.onVerdict(of, { ...told, ...verdict });
  }

  /** An entry with this outcome is applied. */
  applied(of: TransactionId, outcome: LoggedOutcome): void {
    this.outcomes.set(of, outcome);
    const content = {
      kind: 'batch',
      idFloorMs: 0,
      items: [{ kind: 'transaction', writeSet: new Uint8Array(0) }],
    };
    this.#applied([{ entry: { content }, outcomes: [{ id: of, outcome }] } as never], {} as never);
  }
}
