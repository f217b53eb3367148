import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash, takesWrites } from '../support/http-cluster.js';
import type { HttpClient, HttpOutcome } from '../support/http-client.js';

let cluster: TestCluster;
let clients: ReadonlyMap<string, HttpClient>;

beforeAll(async () => {
  cluster = await startTestCluster();
  clients = clientsOf(cluster);
});
afterAll(() => cluster.discard());

const at = (node: string): HttpClient => clients.get(node)!;
const increment = {
  method: 'POST',
  path: '/v1/keyspaces/default/transact',
  body: { mutations: [{ sum: { key: 'count', by: 1 } }] },
} as const;

async function count(): Promise<number> {
  const answer = await at('us-east').ask({ path: '/v1/keyspaces/default/keys/count?causal=true' });
  return answer.status === 404 ? 0 : Number(answer.bytes.toString());
}

/** An open change feed; `ended` when the node has ended it in order. */
async function openFeed(node: string): Promise<{ readonly ended: Promise<void> }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${cluster.node(node).httpUrl}/v1/keyspaces/default/changes`, resolve).on('error', reject);
  });
  expect(response.statusCode).toBe(200);
  const ended = new Promise<void>((resolve, reject) => {
    response.on('end', resolve).on('error', reject);
  });
  response.resume();
  return { ended };
}

/** Commits of many clients at a node, until each has been refused or finds nobody. */
function commitOn(node: string): { readonly outcomes: HttpOutcome[]; readonly ended: Promise<unknown> } {
  const outcomes: HttpOutcome[] = [];
  const client = async (): Promise<void> => {
    for (;;) {
      const outcome = await at(node).send(increment);
      outcomes.push(outcome);
      if (outcome.kind !== 'reply' || outcome.status !== 200) return;
    }
  };
  return { outcomes, ended: Promise.all(Array.from({ length: 16 }, client)) };
}

it.each(['eu-west', 'us-east'])(
  'SIGTERM: %s answers what is under way, ends feeds in order, forgets open transactions, and exits with 0',
  async (node) => {
    const before = await count();
    const begin = { method: 'POST', path: '/v1/keyspaces/default/transactions', body: {} } as const;
    const { transactionId } = await at(node).json(begin);
    const feed = await openFeed(node);
    const { outcomes, ended } = commitOn(node);
    await eventually(() => outcomes.length > 50);
    const exit = await cluster.node(node).stop();
    expect(exit).toMatchObject({ code: 0, signal: null });
    await feed.ended;
    await ended;
    const acknowledged = outcomes.filter((one) => one.kind === 'reply' && one.status === 200).length;
    const unknown = outcomes.filter(
      (one) => one.kind === 'no-reply' || (one.kind === 'reply' && one.json.outcome === 'unknown'),
    ).length;
    await cluster.node(node).start();
    await takesWrites(at(node), 'default');
    const added = (await count()) - before;
    expect(added).toBeGreaterThanOrEqual(acknowledged);
    expect(added).toBeLessThanOrEqual(acknowledged + unknown);
    const path = `/v1/keyspaces/default/transactions/${transactionId}/keys/a`;
    expect((await at(node).ask({ path })).json).toMatchObject({ code: 'TRANSACTION_NOT_FOUND' });
    await sameHash(clients.values(), 'default');
  },
);

it('a second SIGTERM ends a node at once; what it acknowledged is there', async () => {
  const node = cluster.node('us-east');
  const before = await count();
  const { outcomes, ended } = commitOn('us-east');
  await eventually(() => outcomes.length > 50);
  const first = node.kill('SIGTERM');
  const exit = await node.kill('SIGTERM');
  // By the second signal, unless the first had ended it.
  expect(exit?.signal === 'SIGTERM' || exit?.code === 0).toBe(true);
  await first;
  await ended;
  await node.start();
  await takesWrites(at('us-east'), 'default');
  const acknowledged = outcomes.filter((one) => one.kind === 'reply' && one.status === 200).length;
  expect((await count()) - before).toBeGreaterThanOrEqual(acknowledged);
  await sameHash(clients.values(), 'default');
});
