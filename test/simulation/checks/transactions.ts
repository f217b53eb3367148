import { describeKey, type Key, type KeyRange } from '../../../src/model/keys.js';
import type { Mutation } from '../../../src/model/write-set.js';
import type { Check } from '../../../src/transaction/service.js';
import type { ReadOnly, Sent } from '../workload/history.js';
import type { Observed, Seen } from '../workload/observed.js';
import type { Replayed, ReplayedLog } from './replayed-log.js';

/** One outcome per id, the one that every client was told, with the content that was sent. */
export function checkOutcome(sent: Sent, log: ReplayedLog): string[] {
  const { id, words } = sent;
  const found = log.byId.get(id);
  const problems: string[] = [];
  for (const word of words) {
    if (word.kind === 'too-old') continue;
    if (word.kind === 'not-committed') {
      if (found !== undefined)
        problems.push(`${id} was said not to be committed (${word.code}) and is at ${found.seqno}`);
      continue;
    }
    if (found === undefined)
      problems.push(`${id} was acknowledged at seqno ${word.seqno} and is not in the log`);
    else if (found.seqno !== word.seqno)
      problems.push(`${id} was acknowledged at ${word.seqno} and is at ${found.seqno}`);
    else if (word.results !== undefined && String(word.results) !== String(found.results)) {
      problems.push(
        `${id} was answered ${String(word.results)} where the log gives ${String(found.results)}`,
      );
    }
  }
  if (words.length === 0) problems.push(`the outcome of ${id} was never learnt`);
  if (found !== undefined && !isWhatWasSent(sent, found))
    problems.push(`${id} is in the log with another content`);
  return problems;
}

function isWhatWasSent({ mutations, isolation }: Sent, { writeSet }: Replayed): boolean {
  const shape = (mutation: {
    kind: string;
    key?: Key;
    range?: KeyRange;
    bytes?: Uint8Array;
    operand?: bigint;
  }): string => {
    const { kind, key, range, bytes, operand } = mutation;
    return [kind, key, range?.start, range?.end, bytes && Buffer.from(bytes).toString(), operand].join('|');
  };
  return (
    writeSet.isolation === isolation && mutations.map(shape).join() === writeSet.mutations.map(shape).join()
  );
}

/** What a committed transaction read, and what it depended on, held at its snapshot and at its place in the order. */
export function checkPlace(sent: Sent, log: ReplayedLog): string[] {
  const committed = log.byId.get(sent.id);
  if (committed === undefined) return [];
  const { seqno, writeSet } = committed;
  const about = (problem: string): string => `${sent.isolation} ${sent.id} at seqno ${seqno}: ${problem}`;
  const problems: string[] = [];
  if (seqno <= sent.knownBefore)
    problems.push(`its place is before ${sent.knownBefore}, known when it began`);
  const snapshot = sent.snapshot ?? writeSet.snapshot;
  if (snapshot !== undefined && snapshot < sent.snapshotMin)
    problems.push(`its snapshot ${snapshot} is below ${sent.snapshotMin}, which it asked for`);
  if (sent.reads.length > 0 && snapshot === undefined)
    return [...problems, 'read without a snapshot'].map(about);
  for (const read of sent.reads) {
    problems.push(...differences(read, log, snapshot!).map((what) => `at its snapshot ${snapshot} ${what}`));
    const certain = sent.isolation === 'serializable' ? [read] : readAndWritten(read, writeSet.mutations);
    for (const one of certain) {
      problems.push(
        ...differences(one, log, seqno - 1).map(
          (what) => `read at snapshot ${snapshot}, at its place ${what}`,
        ),
      );
    }
  }
  for (const check of sent.checks) {
    if (!holds(check, log.at(check.key, seqno - 1)))
      problems.push(`the check of ${describeKey(check.key)} does not hold`);
  }
  if (writeSet.snapshot !== undefined) problems.push(...overtaken(committed, log, writeSet.snapshot));
  return problems.map(about);
}

/** A read without writes: one prefix of the order. */
export function checkRead({ snapshot, reads }: ReadOnly, log: ReplayedLog): string[] {
  return reads
    .flatMap((read) => differences(read, log, snapshot))
    .map((what) => `a read at ${snapshot}: ${what}`);
}

/** What a read saw otherwise than it was after the transaction of that seqno. */
export function differences(read: Observed, log: ReplayedLog, seqno: number): string[] {
  if (read.kind === 'key') {
    const held = log.at(read.key, seqno);
    return same(held, read.seen)
      ? []
      : [`${describeKey(read.key)} held ${text(held)}, not ${text(read.seen)}`];
  }
  const held = log.rangeAt(read.range, seqno);
  const list = (entries: readonly { key: Key; seen: Seen }[]): string =>
    entries
      .map(({ key, seen }) => `${describeKey(key)}: ${text(seen)}`)
      .sort()
      .join(', ');
  return list(held) === list(read.entries)
    ? []
    : [`the range held {${list(held)}}, not {${list(read.entries)}}`];
}

function same(a: Seen | undefined, b: Seen | undefined): boolean {
  return a?.version === b?.version && a?.text === b?.text;
}

function text(seen: Seen | undefined): string {
  return seen === undefined ? 'nothing' : `${seen.text} of ${seen.version}`;
}

/** Under snapshot isolation only what was written too must not have changed: no lost update. */
function readAndWritten(read: Observed, mutations: readonly Mutation[]): Observed[] {
  const isWritten = (key: Key): boolean =>
    mutations.some((mutation) =>
      mutation.kind === 'deleteRange' ? isIn(mutation.range, key) : mutation.key === key,
    );
  if (read.kind === 'key') return isWritten(read.key) ? [read] : [];
  return read.entries
    .filter(({ key }) => isWritten(key))
    .map(({ key, seen }) => ({ kind: 'key', key, seen }));
}

function holds({ expect }: Check, held: Seen | undefined): boolean {
  if (expect === 'absent') return held === undefined;
  return expect === 'present' ? held !== undefined : held?.version === expect.version;
}

/** First committer wins: what came between a transaction's snapshot and its place, and should have stopped it. */
function overtaken({ seqno, writeSet }: Replayed, log: ReplayedLog, snapshot: number): string[] {
  const between = log.transactions.slice(snapshot, seqno - 1);
  const problems: string[] = [];
  for (const mine of writeSet.mutations) {
    for (const other of between) {
      const theirs = other.writeSet.mutations.find((mutation) => collide(mine, mutation, writeSet.isolation));
      if (theirs)
        problems.push(`its ${mine.kind} is overtaken by the ${theirs.kind} of seqno ${other.seqno}`);
    }
  }
  return problems;
}

function collide(mine: Mutation, theirs: Mutation, isolation: string): boolean {
  if (isAtomic(mine)) return !isAtomic(theirs) && touches(theirs, mine.key);
  if (isolation !== 'snapshot') return false;
  if (mine.kind !== 'deleteRange') return touches(theirs, mine.key);
  if (theirs.kind !== 'deleteRange') return isIn(mine.range, theirs.key);
  const [a, b] = [mine.range, theirs.range];
  return (b.end === undefined || a.start < b.end) && (a.end === undefined || b.start < a.end);
}

function isAtomic(mutation: Mutation): mutation is Extract<Mutation, { operand: bigint }> {
  return 'operand' in mutation;
}

function touches(mutation: Mutation, key: Key): boolean {
  return mutation.kind === 'deleteRange' ? isIn(mutation.range, key) : mutation.key === key;
}

function isIn({ start, end }: KeyRange, key: Key): boolean {
  return start <= key && (end === undefined || key < end);
}
