import { keyFromText, prefixRange } from '../../../src/model/keys.js';
import type { SeededRandom } from '../../simulation/world/seeded-random.js';
import type { Observed } from '../../simulation/workload/observed.js';
import type { HttpReply } from '../../support/http-client.js';
import type { Place } from './work.js';
import type { ChaosRun } from './run.js';
import { observedPage, rangeJson, seqnoOf } from './wire.js';
import { accountBalance, accounts } from './money.js';

const accountRange = prefixRange(keyFromText('account/'));

/** A causal list is at least as new as all that was acknowledged anywhere before, and in it the money is all there. */
export async function readCausally(
  run: ChaosRun,
  place: Place,
  random: SeededRandom,
): Promise<'read' | undefined> {
  const known = run.history.known(place.keyspace);
  const answer = await list(
    place,
    { causal: 'true', causalTimeoutMs: String(random.between(200, 3000)) },
    {},
  );
  if (answer === undefined) return undefined;
  const snapshot = check(run, place.keyspace, answer);
  run.history.count('causal reads');
  run.history.expect(
    snapshot >= known,
    () => `a causal read of ${place.keyspace} at ${snapshot}, known was ${known}`,
  );
  return 'read';
}

/** What one region acknowledged, another shows to whoever brings the token. */
export async function readElsewhere(
  run: ChaosRun,
  place: Place,
  random: SeededRandom,
): Promise<'read' | undefined> {
  const before = await list(place, {}, {});
  if (before === undefined) return undefined;
  const token = before.headers['meridian-causality'] as string;
  const region = random.pick(run.regions.filter(({ id }) => id !== place.region.id));
  const answer = await list({ ...place, region }, {}, { 'Meridian-Causality': token });
  if (answer === undefined) return undefined;
  const snapshot = check(run, place.keyspace, answer);
  run.history.count('token reads');
  run.history.expect(snapshot >= seqnoOf(token), () => `a read at ${snapshot} with the token ${token}`);
  return 'read';
}

async function list(
  { region, keyspace }: Place,
  more: Record<string, string>,
  headers: Record<string, string>,
): Promise<HttpReply | undefined> {
  const query = new URLSearchParams({
    ...rangeJson(accountRange),
    limit: '1000',
    encoding: 'base64',
    ...more,
  });
  const answer = await region.http.send({ path: `/v1/keyspaces/${keyspace}/keys?${query}`, headers });
  return answer.kind === 'reply' && answer.status === 200 ? answer : undefined;
}

/** Records the read for the replay, and looks at the total at once; returns its snapshot. */
function check(run: ChaosRun, keyspace: string, { json, headers }: HttpReply): number {
  const snapshot = seqnoOf(headers['meridian-causality']);
  const observed = observedPage(accountRange, json, false);
  run.history.readOnly.push({ keyspace, snapshot, reads: [observed] });
  const total = totalOf(observed);
  const whole = accounts.length * accountBalance;
  run.history.expect(total === whole, () => `the accounts of ${keyspace} hold ${total} at ${snapshot}`);
  return snapshot;
}

function totalOf(observed: Observed): number {
  if (observed.kind === 'key') return 0;
  return observed.entries.reduce((sum, { seen }) => sum + Number(seen.text.replace('bytes ', '')), 0);
}
