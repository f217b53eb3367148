import type { TransactionId } from '../../../src/model/ids.js';
import type { Key } from '../../../src/model/keys.js';
import type { ReadRequest } from '../../../src/transaction/service.js';
import type { SeededRandom } from '../../simulation/world/seeded-random.js';
import type { Sent } from '../../simulation/workload/history.js';
import type { Observed, Seen } from '../../simulation/workload/observed.js';
import type { HttpReply } from '../../support/http-client.js';
import { interactionOfApp } from './apps.js';
import { resolveOutcome } from './resolution.js';
import { transactionPath, verdictOf, type ChaosRun, type Verdict } from './run.js';
import { mutationJson, observedPage, rangeJson, seqnoOf } from './wire.js';
import { tracked, type Interaction, type Place } from './work.js';

/** Begins, reads, writes and commits at one node; gives up at the first operation that fails. */
export async function interact(
  run: ChaosRun,
  place: Place,
  plan: Interaction,
  random: SeededRandom,
): Promise<Verdict | undefined> {
  if (place.app !== undefined) return interactionOfApp(run, place, plan, random);
  const { region, keyspace } = place;
  const knownBefore = run.history.known(keyspace);
  const { isolation, causal } = plan;
  const path = `/v1/keyspaces/${keyspace}/transactions`;
  const begun = await region.http.send({ method: 'POST', path, body: { isolation, causal } });
  if (begun.kind !== 'reply' || begun.status !== 201) return undefined;
  const id = begun.json.transactionId as TransactionId;
  const snapshot = seqnoOf(begun.json.snapshot);
  if (causal)
    run.history.expect(snapshot >= knownBefore, () => `${id} began at ${snapshot}, known was ${knownBefore}`);
  const reads: Observed[] = [];
  for (const read of plan.reads) {
    const observed = await readInside(place, id, read);
    if (observed === undefined) return undefined;
    reads.push(observed);
  }
  const { marker, mutations } = tracked(run);
  const all = [...plan.decide(reads), ...mutations];
  const more = { knownBefore, snapshot, snapshotMin: 0, reads, words: [] };
  const sent: Sent = { keyspace, id, isolation, mutations: all, checks: [], requested: [], ...more };
  const written = run.write(sent, marker);
  const body = { mutations: all.map(mutationJson) };
  const added = await region.http.send({
    method: 'POST',
    path: transactionPath(keyspace, id, '/mutations'),
    body,
  });
  const isAdded = added.kind === 'reply' && added.status === 204;
  const action = isAdded && !plan.giveUp ? '/commit' : '/rollback';
  const ended = await run.commit(region, keyspace, {
    method: 'POST',
    path: transactionPath(keyspace, id, action),
  });
  const verdict = verdictOf(ended);
  run.note(sent, verdict);
  if (verdict.kind === 'unknown') {
    const hard = verdict.hard && action === '/commit';
    const unresolved = { written, keyspace, hard, region, again: undefined };
    run.inBackground(resolveOutcome(run, unresolved, random.fork(id)));
  }
  return verdict;
}

async function readInside(
  { region, keyspace }: Place,
  id: string,
  read: ReadRequest,
): Promise<Observed | undefined> {
  if (read.kind === 'range') {
    const { range, limit, reverse } = read;
    const query = new URLSearchParams({ ...rangeJson(range), limit: `${limit}`, encoding: 'base64' });
    if (reverse) query.set('reverse', 'true');
    const page = await region.http.send({ path: transactionPath(keyspace, id, `/keys?${query}`) });
    return page.kind === 'reply' && page.status === 200 ? observedPage(range, page.json, reverse) : undefined;
  }
  const answer = await region.http.send({
    path: transactionPath(keyspace, id, `/keys/${keyPath(read.key)}`),
  });
  const isRead = answer.kind === 'reply' && (answer.status === 200 || answer.json?.code === 'KEY_NOT_FOUND');
  return isRead ? { kind: 'key', key: read.key, seen: seenRaw(answer) } : undefined;
}

export function keyPath(key: Key): string {
  return [...Buffer.from(key, 'latin1')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

/** Inside a transaction a raw value comes without its version: 0, to be found in the log. */
function seenRaw({ status, headers, bytes }: HttpReply): Seen | undefined {
  if (status !== 200) return undefined;
  const kind = headers['meridian-kind'] === 'counter' ? 'counter' : 'bytes';
  return { version: 0, text: `${kind} ${bytes.toString()}` };
}
