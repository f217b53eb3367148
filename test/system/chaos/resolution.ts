import { eventually } from '../../support/eventually.js';
import type { HttpOutcome, HttpQuestion } from '../../support/http-client.js';
import type { SeededRandom } from '../../simulation/world/seeded-random.js';
import {
  noteReads,
  transactionPath,
  verdictOf,
  type ChaosRun,
  type Keyspace,
  type Region,
  type Written,
} from './run.js';

/** How a client that does not know the outcome of its transaction goes about it. */
type Way = 'resubmit' | 'commit' | 'rollback' | 'ask';

export interface Unresolved {
  readonly written: Written;
  readonly keyspace: Keyspace;
  readonly hard: boolean;
  /** Where the answer did not come from. */
  readonly region: Region;
  /**
   * A node that may be asked may still hold it open, its COMMIT lost on the way: a COMMIT there would leave out the mutations that
   * were lost with it. It is rolled back.
   */
  readonly mayBeOpen?: boolean;
  /** Sends the same again; undefined: it cannot be sent again. */
  readonly again: HttpQuestion | undefined;
}

/** Finds the outcome out in other regions, however long that takes; counts how unknown outcomes came out. */
export async function resolveOutcome(
  run: ChaosRun,
  unresolved: Unresolved,
  random: SeededRandom,
): Promise<void> {
  const { written, hard, again, mayBeOpen = false } = unresolved;
  const last: Way = mayBeOpen ? 'rollback' : 'commit';
  if (hard) written.unknown = true;
  run.history.count(hard ? 'unknown' : 'refused');
  let way = random.weighted<Way>([
    [again === undefined ? 0 : 4, 'resubmit'],
    [mayBeOpen ? 0 : 3, 'commit'],
    [3, 'rollback'],
    [2, 'ask'],
  ]);
  let asked = 0;
  const others = run.regions.filter(({ id }) => id !== unresolved.region.id);
  const settle = async (): Promise<boolean> => {
    const outcome = await attempt(run, unresolved, { way, region: random.pick(others) });
    const verdict = verdictOf(outcome);
    // An id that nobody submits any more stays unknown until it is resolved.
    if (way === 'ask' && ++asked >= 5) way = last;
    if (verdict.kind === 'unknown') return false;
    run.note(written.sent, verdict);
    if (way === 'resubmit') noteReads(written.sent, outcome);
    if (hard) run.history.count(`unknown, then ${verdict.kind}`);
    return true;
  };
  await eventually(settle, { withinMs: 60_000, everyMs: 100, what: `the outcome of ${written.sent.id}` });
}

function attempt(
  run: ChaosRun,
  { written, keyspace, again }: Unresolved,
  { way, region }: { way: Way; region: Region },
): Promise<HttpOutcome> {
  const { id } = written.sent;
  switch (way) {
    case 'resubmit':
      return run.commit(region, keyspace, again!);
    case 'commit':
    case 'rollback':
      return run.commit(region, keyspace, { method: 'POST', path: transactionPath(keyspace, id, `/${way}`) });
    case 'ask':
      return region.http.send({ path: transactionPath(keyspace, id), timeoutMs: 15_000 });
  }
}
