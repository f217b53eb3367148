import type { TransactionId } from '../../../src/model/ids.js';
import { nodeId } from '../../../src/model/ids.js';
import { mintTransactionId } from '../../../src/model/transaction-id.js';
import type { Sent } from '../../simulation/workload/history.js';
import type { HttpQuestion } from '../../support/http-client.js';
import type { SeededRandom } from '../../simulation/world/seeded-random.js';
import { oneShotOfApp } from './apps.js';
import { resolveOutcome } from './resolution.js';
import { noteReads, verdictOf, type ChaosRun, type Keyspace, type Verdict } from './run.js';
import { checkJson, mutationJson, readJson } from './wire.js';
import { tracked, type OneShot, type Place } from './work.js';

/** Sends a one-shot transaction and sees to it that its outcome becomes known; resolves with the first answer. */
export async function sendOneShot(
  run: ChaosRun,
  place: Place,
  shot: OneShot,
  random: SeededRandom,
): Promise<Verdict> {
  if (place.app !== undefined) return oneShotOfApp(run, place, shot, random);
  const { marker, mutations } = tracked(run);
  const whole = { ...shot, mutations: [...shot.mutations, ...mutations] };
  const id = random.chance(0.6)
    ? mintTransactionId(Date.now(), random.bytes(10), nodeId('a-client'))
    : undefined;
  const record = (as: TransactionId): Sent => ({
    keyspace: place.keyspace,
    id: as,
    isolation: shot.isolation,
    mutations: whole.mutations,
    checks: shot.checks ?? [],
    requested: shot.reads ?? [],
    knownBefore,
    snapshot: undefined,
    snapshotMin: 0,
    reads: [],
    words: [],
  });
  const knownBefore = run.history.known(place.keyspace);
  const early = id === undefined ? undefined : run.write(record(id), marker);
  const question = questionOf(place.keyspace, whole, id);
  const outcome = await run.commit(place.region, place.keyspace, question);
  const verdict = verdictOf(outcome);
  const answered =
    outcome.kind === 'reply' ? (outcome.json.transactionId as TransactionId | undefined) : undefined;
  const written = early ?? (answered === undefined ? undefined : run.write(record(answered), marker));
  if (written === undefined) {
    if (verdict.kind === 'unknown' && verdict.hard) run.anonymous.get(place.keyspace)!.push(marker);
    return verdict;
  }
  run.note(written.sent, verdict);
  noteReads(written.sent, outcome);
  if (verdict.kind === 'unknown') {
    const again = id === undefined ? undefined : question;
    const unresolved = { written, keyspace: place.keyspace, hard: verdict.hard, region: place.region, again };
    run.inBackground(resolveOutcome(run, unresolved, random.fork(written.sent.id)));
  }
  return verdict;
}

function questionOf(keyspace: Keyspace, shot: OneShot, id: TransactionId | undefined): HttpQuestion {
  return {
    method: 'POST',
    path: `/v1/keyspaces/${keyspace}/transact`,
    headers: id === undefined ? {} : { 'Idempotency-Key': id },
    body: {
      isolation: shot.isolation,
      encoding: 'base64',
      causal: shot.causal ?? false,
      reads: (shot.reads ?? []).map(readJson),
      checks: (shot.checks ?? []).map(checkJson),
      mutations: shot.mutations.map(mutationJson),
    },
  };
}
