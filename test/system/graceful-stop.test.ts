import { randomBytes } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, OutcomeUnknownError, type Client } from '../../src/client/index.js';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash, statusOf, takesWrites } from '../support/http-cluster.js';
import type { HttpClient, HttpOutcome, Json } from '../support/http-client.js';
import { endpointOf } from '../support/sdk-endpoints.js';

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

interface Told {
  acknowledged: number;
  unknown: number;
}

/** Commits over gRPC sessions with this node alone, with a watch and a transaction open there, until they are ended. */
async function sessionsOn(node: string): Promise<{ readonly told: Told; end(): Promise<void> }> {
  const told: Told = { acknowledged: 0, unknown: 0 };
  const open = (): Promise<Client> => connect({ endpoints: [endpointOf(cluster, node)] });
  const clients = await Promise.all([open(), open()]);
  const commits = async (client: Client): Promise<void> => {
    while (!isEnding)
      try {
        await client.sum('count', 1);
        told.acknowledged += 1;
      } catch (error) {
        if (error instanceof OutcomeUnknownError) told.unknown += 1;
      }
  };
  let isEnding = false;
  let seen = 0;
  const watch = clients[0]!.watch();
  const watching = (async () => {
    for await (const event of watch) seen += event.changes.length;
  })();
  const running = clients.flatMap((client) => Array.from({ length: 4 }, () => commits(client)));
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let isOpen = false;
  const transaction = clients[1]!.transact(async (tx) => {
    await tx.get('count');
    isOpen = true;
    await held;
  });
  await eventually(() => isOpen && seen > 20 && told.acknowledged > 20);
  return {
    told,
    end: async () => {
      isEnding = true;
      await Promise.all(running);
      release();
      for (const client of clients) client.close();
      await Promise.allSettled([watching, transaction]);
    },
  };
}

it.each(['eu-west', 'us-east'])(
  'SIGTERM: %s answers what is under way, ends feeds and sessions, forgets open transactions, and exits with 0',
  async (node) => {
    const before = await count();
    const begin = { method: 'POST', path: '/v1/keyspaces/default/transactions', body: {} } as const;
    const { transactionId } = await at(node).json(begin);
    const feed = await openFeed(node);
    const sessions = await sessionsOn(node);
    const { outcomes, ended } = commitOn(node);
    await eventually(() => outcomes.length > 50);
    const exit = await cluster.node(node).stop();
    expect(exit).toMatchObject({ code: 0, signal: null });
    await feed.ended;
    await ended;
    const { told } = sessions;
    const acknowledged = outcomes.filter((one) => one.kind === 'reply' && one.status === 200).length;
    const unknown = outcomes.filter(
      (one) => one.kind === 'no-reply' || (one.kind === 'reply' && one.json.outcome === 'unknown'),
    ).length;
    await cluster.node(node).start();
    await takesWrites(at(node), 'default');
    await sessions.end();
    const added = (await count()) - before;
    expect(added).toBeGreaterThanOrEqual(acknowledged + told.acknowledged);
    expect(added).toBeLessThanOrEqual(acknowledged + unknown + told.acknowledged + told.unknown);
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

const largeValues = 16;
const largeBytes = 800 * 1024;

/** Orders a new copy for ap-south, and resolves in the middle of its transfer: with the node that gives it. */
async function joining(): Promise<string> {
  const rejoin = { method: 'POST', path: '/v1/admin/keyspaces/default/rejoin' } as const;
  expect((await at('ap-south').ask(rejoin)).status).toBe(202);
  let join: Json;
  await eventually(
    async () => {
      ({ join } = await statusOf(at('ap-south'), 'default'));
      expect(join).toMatchObject({ by: 'snapshot', phase: 'copying', bytes: expect.any(Number) });
      expect(join.bytes).toBeGreaterThan(0);
    },
    { everyMs: 1 },
  );
  expect(join.bytes).toBeLessThan(largeValues * largeBytes);
  return join.donor;
}

async function hasJoined(): Promise<void> {
  await eventually(
    async () =>
      expect(await statusOf(at('ap-south'), 'default')).toMatchObject({
        state: 'synced',
        join: { by: 'snapshot', phase: 'done' },
      }),
    { withinMs: 60_000, what: 'ap-south to have its new copy' },
  );
  await sameHash(clients.values(), 'default');
}

it('SIGTERM in the middle of a transfer: the donor, then the joiner, exits with 0, and the copy arrives all the same', async () => {
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < largeValues) {
      const path = `/v1/keyspaces/default/keys/large${next++}`;
      const put = { method: 'PUT', path, body: randomBytes(largeBytes) } as const;
      expect((await at('us-east').ask(put)).status).toBe(200);
    }
  };
  await Promise.all(Array.from({ length: 4 }, writer));
  const donor = cluster.node(await joining());
  // What it stands still for is not given to it meanwhile.
  cluster.node('ap-south').pause();
  const exit = await donor.stop().finally(() => cluster.node('ap-south').resume());
  expect(exit).toMatchObject({ code: 0, signal: null });
  await donor.start();
  await hasJoined();
  await joining();
  expect(await cluster.node('ap-south').stop()).toMatchObject({ code: 0, signal: null });
  await cluster.node('ap-south').start();
  await hasJoined();
});
