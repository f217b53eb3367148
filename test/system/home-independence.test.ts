import { uuidv7 } from 'uuidv7';
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
  afterAll(() => asleep().forEach((one) => one.resume()));

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
});

describe('a write to a keyspace whose home sleeps', () => {
  const http = (): HttpClient => clients.get('us-east')!;
  const asleep = () => cluster.nodes.filter(({ id }) => id !== 'us-east');
  const names = ['eu', 'ap'];
  let sent: HttpReply[] = [];

  beforeAll(async () => {
    await cluster.ready();
    for (const one of asleep()) one.pause();
  });

  it('is unknown when it was sent before the silence was noticed', async () => {
    sent = await Promise.all(names.map((name) => put(http(), name, 'late', 'sent')));
    for (const { status, json } of sent) {
      expect(json).toMatchObject({ code: 'COMMIT_OUTCOME_UNKNOWN', outcome: 'unknown', retry: 'same-id' });
      expect(status).toBe(504);
    }
  });

  it('is refused once it is noticed, and only a first attempt is told that it was not committed', async () => {
    const noticed = async (): Promise<boolean> =>
      (await http().ask({ path: '/readyz?for=write' })).status === 503;
    await eventually(noticed, { withinMs: 30_000 });
    for (const name of names) {
      const first = await put(http(), name, 'refused', 'never');
      expect(first.json).toMatchObject({ code: 'SEQUENCER_UNAVAILABLE', outcome: 'not-committed' });
      const headers = { 'Idempotency-Key': uuidv7() };
      const repeated = await http().ask({
        method: 'PUT',
        path: keyPath(name, 'refused'),
        headers,
        body: Buffer.from(''),
      });
      expect(repeated.json).toMatchObject({
        code: 'SEQUENCER_UNAVAILABLE',
        outcome: 'unknown',
        retry: 'same-id',
      });
      expect([first.status, repeated.status]).toEqual([503, 503]);
    }
  });

  it('has one outcome in every region when the home is back, and all converge', async () => {
    for (const one of asleep()) one.resume();
    for (const name of keyspaces) await takesWrites(http(), name);
    for (const [i, name] of names.entries()) await sameOutcomeEverywhere(name, sent[i]!.json.transactionId);
    for (const name of keyspaces) await sameHash(clients.values(), name);
  });

  async function sameOutcomeEverywhere(name: string, id: string): Promise<void> {
    const path = `/v1/keyspaces/${name}/transactions/${id}`;
    const resolve = async (): Promise<string> => {
      const { status, json } = await http().ask({ method: 'POST', path: `${path}/commit` });
      if (status === 200) return 'committed';
      expect(json).toMatchObject({ code: 'TRANSACTION_ABORTED', outcome: 'not-committed' });
      return 'aborted';
    };
    const state = await eventually(resolve, { withinMs: 30_000, everyMs: 100 });
    for (const one of clients.values()) {
      await eventually(async () => expect(await one.json({ path })).toMatchObject({ state }));
    }
    const late = await http().ask({ path: `${keyPath(name, 'late')}?causal=true` });
    expect(late.status).toBe(state === 'committed' ? 200 : 404);
    const refused = await http().ask({ path: `${keyPath(name, 'refused')}?causal=true` });
    expect(refused.status).toBe(404);
  }
});
