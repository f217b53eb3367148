import { parseGtid } from '../../../src/model/gtid.js';
import { limits } from '../../../src/model/limits.js';
import { mintTransactionId } from '../../../src/model/transaction-id.js';
import type { TransactRequest } from '../../../src/transaction/service.js';
import { beginningMs } from '../world/incarnation.js';
import { lost, type SimNode } from '../world/sim-node.js';
import type { Client, Standing } from './client.js';
import type { Sent } from './history.js';
import { counters, pickCheck, pickIsolation, pickMutation, pickRead } from './requests.js';

function idOf(client: Client, node: SimNode) {
  const nowMs = Math.floor(beginningMs + client.world.time.nowMs + node.wall.skewMs);
  return mintTransactionId(nowMs, client.random.bytes(10), node.id);
}

/** Of an id that is repeated. */
const ageMsMax = 30_000;

/** Sends a one-shot with writes and does not rest before its outcome is known. */
export async function submitOneShot(
  client: Client,
  keyspace: string,
  content: OneShotContent,
): Promise<Standing> {
  const { history } = client;
  const node = client.pickNode();
  const freshness = client.pickFreshness(keyspace);
  const knownBefore = history.known(keyspace);
  const sent: Sent = {
    ...content,
    keyspace,
    id: idOf(client, node),
    requested: content.reads,
    knownBefore,
    snapshot: undefined,
    snapshotMin: Math.max(
      freshness.causal ? knownBefore : 0,
      freshness.token === undefined ? 0 : parseGtid(freshness.token)!.seqno,
    ),
    reads: [],
    words: [],
  };
  history.sent.push(sent);
  history.count('transactions');
  const attempt = async (at: SimNode, mayBeRetry: boolean): Promise<Standing> => {
    const request: TransactRequest = {
      ...content,
      ...freshness,
      id: sent.id,
      mayBeRetry,
      content: [sent.id],
    };
    return client.answered(sent, at, await client.call(at, keyspace, (service) => service.transact(request)));
  };
  const again = (at: SimNode): Promise<Standing> => attempt(at, true);
  if (client.careless && client.random.chance(0.06)) return hedge(client, sent, attempt);
  const first = await attempt(node, false);
  const standing = first === 'unknown' ? await client.settle(sent, again) : first;
  if (standing === 'committed') client.noteCommitted(keyspace, again);
  return standing;
}

/** An app sends an id that it knows to be committed once more, often just when nobody need tell of it any more. */
export async function repeatLate(client: Client, keyspace: string): Promise<void> {
  const { random } = client;
  const keptMs = limits.outcomesMsMax;
  const ageMs =
    keptMs < ageMsMax && random.chance(0.7)
      ? random.between(keptMs - 4000, keptMs + 1000)
      : random.between(100, ageMsMax);
  const again = client.committedBefore(keyspace, ageMs);
  if (again === undefined) return;
  client.history.count('late repetitions');
  await again(client.anyNode());
}

export type OneShotContent = Pick<TransactRequest, 'isolation' | 'reads' | 'checks' | 'mutations'>;

/** The same id at two nodes at once. Whoever has sent a retry believes no abort but a retry's. */
async function hedge(
  client: Client,
  sent: Sent,
  attempt: (node: SimNode, mayBeRetry: boolean) => Promise<Standing>,
): Promise<Standing> {
  client.history.count('hedged');
  sent.snapshotMin = 0;
  const first: Sent = { ...sent, words: [], reads: [] };
  const node = client.pickNode();
  const [standing] = await Promise.all([
    attempt(client.anyNode(), true),
    client
      .call(node, sent.keyspace, (service) => {
        const fresh = { causal: false, token: undefined, timeoutMs: 2000 };
        return service.transact({
          ...sent,
          ...fresh,
          reads: sent.requested,
          mayBeRetry: false,
          content: [sent.id],
        });
      })
      .then((answer) => client.answered(first, node, answer === lost || !answer.ok ? lost : answer)),
  ]);
  sent.words.push(...first.words);
  sent.reads.push(...first.reads);
  if (standing !== 'unknown') return standing;
  return client.settle(sent, (at) => attempt(at, true));
}

/** Registers and what else there is: reads, checks and up to three mutations. */
export async function mixedOneShot(client: Client, keyspace: string): Promise<void> {
  const { random } = client;
  const mark = `${client.name}-${client.history.sent.length}`;
  const several = <T>(max: number, make: () => T): T[] =>
    Array.from({ length: random.between(0, max) }, make);
  await submitOneShot(client, keyspace, {
    isolation: pickIsolation(random),
    reads: several(2, () => pickRead(random)),
    checks: random.chance(0.3) ? [pickCheck(random, client.versionsOf(keyspace))] : [],
    mutations: [pickMutation(random, mark), ...several(2, () => pickMutation(random, mark))],
  });
}

export async function count(client: Client, keyspace: string): Promise<void> {
  const { random } = client;
  const by = {
    kind: 'sum',
    key: random.pick(counters),
    operand: BigInt(random.between(1, 9)),
    ttlMs: undefined,
  } as const;
  const isolation = pickIsolation(random);
  await submitOneShot(client, keyspace, {
    isolation,
    reads: [],
    checks: [],
    mutations: [by],
  });
}
