import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash, takesWrites } from '../support/http-cluster.js';
import type { HttpClient, HttpReply } from '../support/http-client.js';
import { HttpTransaction } from '../support/http-transaction.js';

const homes = [
  ['us-east', 'default'],
  ['eu-west', 'eu'],
  ['ap-south', 'ap'],
] as const;
const keyspaces = homes.map(([, keyspace]) => keyspace);

let cluster: TestCluster;
let clients: ReadonlyMap<string, HttpClient>;

beforeAll(async () => {
  cluster = await startTestCluster();
  clients = clientsOf(cluster);
});
afterAll(() => cluster.discard());

const keyPath = (keyspace: string, key: string): string => `/v1/keyspaces/${keyspace}/keys/${key}`;

async function put(http: HttpClient, keyspace: string, key: string, text: string): Promise<HttpReply> {
  return http.ask({ method: 'PUT', path: keyPath(keyspace, key), body: Buffer.from(text) });
}

describe.each(homes)('with only %s awake', (node, keyspace) => {
  const http = (): HttpClient => clients.get(node)!;
  const others = keyspaces.filter((name) => name !== keyspace);
  const asleep = () => cluster.nodes.filter(({ id }) => id !== node);

  beforeAll(async () => {
    await cluster.ready();
    for (const name of keyspaces) {
      const { headers } = await put(http(), name, 'seen', `by ${node}`);
      const token = headers['meridian-causality'] as string;
      for (const one of clients.values()) {
        await one.ask({ path: keyPath(name, 'seen'), headers: { 'Meridian-Causality': token } });
      }
    }
    for (const one of asleep()) one.pause();
  });

  it('commits to its keyspace succeed', async () => {
    for (let i = 0; i < 20; i++) expect((await put(http(), keyspace, 'alone', `${i}`)).status).toBe(200);
    const transaction = await HttpTransaction.begin(http(), keyspace, { isolation: 'serializable' });
    expect(await transaction.get('alone')).toBe('19');
    await transaction.put('alone', 'still');
    expect((await transaction.commit()).status).toBe(200);
    const causal = await http().ask({ path: `${keyPath(keyspace, 'alone')}?causal=true` });
    expect([causal.status, causal.bytes.toString()]).toEqual([200, 'still']);
  });

  it.each(keyspaces)('local reads of %s are served', async (name) => {
    const answer = await http().ask({ path: keyPath(name, 'seen') });
    expect([answer.status, answer.bytes.toString()]).toEqual([200, `by ${node}`]);
    expect(Number(answer.headers['meridian-staleness'])).toBeGreaterThanOrEqual(0);
    expect((await http().json({ path: `/v1/keyspaces/${name}/keys?prefix=seen` })).entries).toHaveLength(1);
    expect((await http().ask({ path: '/readyz?for=read' })).status).toBe(200);
  });

  it('a causal read of a keyspace whose home sleeps says what it waited for', async () => {
    for (const name of others) {
      const answer = await http().ask({ path: `${keyPath(name, 'seen')}?causal=true&causalTimeoutMs=300` });
      expect([answer.status, answer.json.code]).toEqual([504, 'CAUSAL_READ_TIMEOUT']);
      expect(answer.json.applied).toMatch(/^[0-9a-f-]{36}:\d+$/);
      expect(answer.json).toHaveProperty('required');
    }
  });

  it('a write to one is refused, or unknown until its home is back; then all converge', async () => {
    const answers = await Promise.all(others.map((name) => put(http(), name, `late-${node}`, node)));
    for (const { status, json } of answers) {
      const expected =
        json.code === 'COMMIT_OUTCOME_UNKNOWN'
          ? { status: 504, code: 'COMMIT_OUTCOME_UNKNOWN', outcome: 'unknown', retry: 'same-id' }
          : { status: 503, code: 'SEQUENCER_UNAVAILABLE', outcome: 'not-committed' };
      expect(json).toMatchObject(expected);
      expect(status).toBe(expected.status);
    }
    for (const one of asleep()) one.resume();
    for (const name of keyspaces) await takesWrites(http(), name);
    for (const [i, name] of others.entries()) await sameOutcomeEverywhere(name, answers[i]!);
    for (const name of keyspaces) await sameHash(clients.values(), name);
  });

  async function sameOutcomeEverywhere(name: string, { json }: HttpReply): Promise<void> {
    if (json.outcome !== 'unknown') {
      const { status } = await http().ask({ path: `${keyPath(name, `late-${node}`)}?causal=true` });
      return expect(status).toBe(404);
    }
    const path = `/v1/keyspaces/${name}/transactions/${json.transactionId}`;
    const resolve = async (): Promise<string> => {
      const { status, json: resolved } = await http().ask({ method: 'POST', path: `${path}/commit` });
      if (status !== 200)
        expect(resolved).toMatchObject({ code: 'TRANSACTION_ABORTED', outcome: 'not-committed' });
      return status === 200 ? 'committed' : 'aborted';
    };
    const state = await eventually(resolve, { withinMs: 30_000, everyMs: 100 });
    for (const one of clients.values()) {
      await eventually(async () => expect(await one.json({ path })).toMatchObject({ state }));
    }
    const { status } = await http().ask({ path: `${keyPath(name, `late-${node}`)}?causal=true` });
    expect(status).toBe(state === 'committed' ? 200 : 404);
  }
});
