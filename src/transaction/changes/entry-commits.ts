import type { Entry } from '../../model/entry.js';
import { lastSeqnoOf } from '../../model/entry.js';
import { seqno, type Seqno } from '../../model/ids.js';
import type { LoggedOutcome, MutationResults } from '../../model/outcome.js';
import { decodeWriteSet, type Mutation, type WriteSet } from '../../model/write-set.js';

/** One committed transaction, as the log has it. */
export interface LoggedCommit {
  readonly seqno: Seqno;
  /** Log time. */
  readonly timeMs: number;
  readonly mutations: readonly Mutation[];
  /** What the mutations came to; undefined when the outcome is no longer kept. Asked for only where it matters. */
  results(): MutationResults | undefined;
}

/** The outcome of an entry's item, by its place in the entry and its write set. */
export type OutcomeOf = (item: number, writeSet: WriteSet) => LoggedOutcome | undefined;

/** The transactions of one entry, decoded when they are first looked at; values share memory with the entry's bytes. */
export class EntryCommits {
  readonly position: number;
  readonly firstSeqno: Seqno;
  /** Below `firstSeqno` when the entry has no transaction. */
  readonly lastSeqno: Seqno;
  readonly #entry: Entry;
  readonly #outcomeOf: OutcomeOf;
  #commits: readonly LoggedCommit[] | undefined;

  constructor(entry: Entry, outcomeOf: OutcomeOf) {
    this.position = entry.position;
    this.firstSeqno = entry.firstSeqno;
    this.lastSeqno = lastSeqnoOf(entry);
    this.#entry = entry;
    this.#outcomeOf = outcomeOf;
  }

  get commits(): readonly LoggedCommit[] {
    this.#commits ??= this.#decode();
    return this.#commits;
  }

  #decode(): readonly LoggedCommit[] {
    const { content, logTimeMs } = this.#entry;
    const commits: LoggedCommit[] = [];
    if (content.kind !== 'batch') return commits;
    content.items.forEach((item, place) => {
      if (item.kind !== 'transaction') return;
      const writeSet = decodeWriteSet(item.writeSet);
      commits.push({
        seqno: seqno(this.firstSeqno + commits.length),
        timeMs: logTimeMs,
        mutations: writeSet.mutations,
        results: () => resultsOf(this.#outcomeOf(place, writeSet)),
      });
    });
    return commits;
  }
}

function resultsOf(outcome: LoggedOutcome | undefined): MutationResults | undefined {
  return outcome?.kind === 'committed' ? outcome.results : undefined;
}
