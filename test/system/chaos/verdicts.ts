import { firstKey, type Key } from '../../../src/model/keys.js';
import { ReplayedLog } from '../../simulation/checks/replayed-log.js';
import { checkOutcome, checkPlace, checkRead } from '../../simulation/checks/transactions.js';
import type { Sent } from '../../simulation/workload/history.js';
import type { Observed, Seen } from '../../simulation/workload/observed.js';
import { counterKey, type ChaosRun, type Keyspace, type Written } from './run.js';
import { pots } from './money.js';

export type State = ReadonlyMap<Key, Seen>;

/** The state just after a seqno: what expires may change it later. */
export interface StateAt {
  readonly state: State;
  readonly seqno: number;
}

/** What is wrong between what the clients were told and a keyspace's log, executed once more from its beginning. */
export function judgeLog(
  run: ChaosRun,
  keyspace: Keyspace,
  entries: readonly Uint8Array[],
  at: StateAt,
): string[] {
  const log = new ReplayedLog();
  for (const bytes of entries) log.add(bytes);
  const mine = run.written.filter(({ sent }) => sent.keyspace === keyspace);
  return [
    ...log.problems,
    ...mine.flatMap(({ sent }) => checkOutcome(sent, log)),
    ...mine.flatMap(({ sent }) => checkPlace(withVersions(sent, log), log)),
    ...run.history.readOnly
      .filter((read) => read.keyspace === keyspace)
      .flatMap((read) => checkRead(read, log)),
    ...strangers(run, mine, keyspace, log),
    ...differences(at, log),
  ].map((problem) => `${keyspace}: ${problem}`);
}

/** What is wrong with a keyspace's final state, seen through the API alone. */
export function judgeState(run: ChaosRun, keyspace: Keyspace, state: State): string[] {
  const problems: string[] = [];
  const expect = (holds: boolean, otherwise: string): void =>
    void (holds || problems.push(`${keyspace}: ${otherwise}`));
  const present = new Set([...state.keys()].filter((key) => key.startsWith('marker/')));
  const anonymous = run.anonymous.get(keyspace)!.filter((marker) => present.has(marker)).length;
  let committed = 0;
  for (const { sent, marker } of run.written) {
    if (sent.keyspace !== keyspace) continue;
    const word = sent.words[0];
    if (word?.kind === 'committed') committed += 1;
    const seen = state.get(marker);
    expect(word?.kind !== 'committed' || seen?.version === word.seqno, `${sent.id} is acknowledged and lost`);
    expect(word?.kind !== 'not-committed' || seen === undefined, `${sent.id} is refused and there`);
  }
  expect(
    present.size === committed + anonymous,
    `${present.size} markers of ${committed} + ${anonymous} commits`,
  );
  const counted = state.get(counterKey)?.text;
  expect(counted === `counter ${present.size}`, `${counted} after ${present.size} commits: lost or doubled`);
  const total = pots.reduce((sum, key) => sum + Number(state.get(key)?.text.replace('counter ', '')), 0);
  expect(total === 0, `the pots hold ${total}`);
  return problems;
}

/** Raw reads inside of transactions show no version: that of the value that the log has there, if it is the same. */
function withVersions(sent: Sent, log: ReplayedLog): Sent {
  const snapshot = sent.snapshot;
  if (snapshot === undefined) return sent;
  const versioned = (read: Observed): Observed => {
    if (read.kind === 'range' || read.seen === undefined || read.seen.version > 0) return read;
    const held = log.at(read.key, snapshot);
    return held?.text === read.seen.text ? { ...read, seen: held } : read;
  };
  return { ...sent, reads: sent.reads.map(versioned) };
}

/** Whatever is in the log is a client's, or an expiry. */
function strangers(run: ChaosRun, mine: readonly Written[], keyspace: Keyspace, log: ReplayedLog): string[] {
  const known = new Set<string>(mine.map(({ sent }) => sent.id));
  const anonymous = new Set<Key>(run.anonymous.get(keyspace)!);
  return log.transactions
    .filter(({ writeSet }) => !known.has(writeSet.id))
    .filter(({ writeSet }) => !writeSet.mutations.every(({ kind }) => kind === 'expire'))
    .filter(({ writeSet }) => !writeSet.mutations.some((one) => 'key' in one && anonymous.has(one.key)))
    .map(({ seqno, writeSet }) => `nobody sent ${writeSet.id} at seqno ${seqno}`);
}

function differences({ state, seqno }: StateAt, log: ReplayedLog): string[] {
  const replayed = log.rangeAt({ start: firstKey, end: undefined }, seqno);
  const problems = replayed
    .filter(({ key, seen }) => state.get(key)?.text !== seen.text || state.get(key)?.version !== seen.version)
    .map(({ key, seen }) => `the log leaves ${key} as ${seen.text}, the store shows ${state.get(key)?.text}`);
  return replayed.length === state.size
    ? problems
    : [...problems, `${state.size} keys, the log leaves ${replayed.length}`];
}
