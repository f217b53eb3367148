import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash, statusOf, takesWrites } from '../support/http-cluster.js';
import type { HttpClient, Json } from '../support/http-client.js';
import { startForgetfulCluster } from '../support/small-retention.js';

const keys = 50_000;
const keysPerTransaction = 1000;
const joiner = 'ap-south';
const others = ['us-east', 'eu-west'];
const clientsPerNode = 8;

let cluster: TestCluster;
let clients: ReadonlyMap<string, HttpClient>;

beforeAll(async () => {
  cluster = await startForgetfulCluster();
  clients = clientsOf(cluster);
});
afterAll(() => cluster.discard());

const at = (node: string): HttpClient => clients.get(node)!;

async function load(): Promise<void> {
  const value = 'v'.repeat(100);
  let next = 0;
  const loader = async (): Promise<void> => {
    while (next < keys) {
      const from = next;
      next += keysPerTransaction;
      const mutations = Array.from({ length: keysPerTransaction }, (_, i) => ({
        set: { key: `loaded/${String(from + i).padStart(7, '0')}`, value },
      }));
      await at('us-east').json({
        method: 'POST',
        path: '/v1/keyspaces/default/transact',
        body: { mutations },
      });
    }
  };
  await Promise.all(Array.from({ length: 4 }, loader));
}

/** Commits of many clients at two nodes until stopped: how many were acknowledged; each must be. */
function writeOn(): { readonly acknowledged: number; stop(): Promise<void> } {
  let acknowledged = 0;
  let stopped = false;
  const client = async (node: string, n: number): Promise<void> => {
    for (let i = 0; !stopped; i++) {
      const mutations = [
        { sum: { key: 'count', by: 1 } },
        { set: { key: `written/${node}/${n}`, value: `${i}` } },
      ];
      const question = {
        method: 'POST',
        path: '/v1/keyspaces/default/transact',
        body: { mutations },
      } as const;
      const { status, bytes } = await at(node).ask(question);
      if (status !== 200) throw new Error(`a commit was not acknowledged: ${bytes.toString()}`);
      acknowledged += 1;
    }
  };
  const running = Promise.all(
    others.flatMap((node) => Array.from({ length: clientsPerNode }, (_, n) => client(node, n))),
  );
  // It is awaited when it is stopped; a failure before that must not be unhandled.
  running.catch(() => {});
  return {
    get acknowledged() {
      return acknowledged;
    },
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}

it('a wiped node rejoins by snapshot under full write load: nothing is missing, and commits go on', async () => {
  await load();
  const writing = writeOn();
  await eventually(
    async () => expect((await statusOf(at('us-east'), 'default')).kept.oldestPosition).toBeGreaterThan(1),
    { withinMs: 60_000, everyMs: 50, what: 'a log that has forgotten its beginning' },
  );
  await cluster.node(joiner).stop();
  rmSync(join(cluster.dataDirectory, joiner, 'default'), { recursive: true });
  const before = writing.acknowledged;
  await cluster.node(joiner).start();
  let status: Json;
  await eventually(
    async () => {
      status = await statusOf(at(joiner), 'default');
      expect(status.state).toBe('synced');
    },
    { withinMs: 90_000, everyMs: 50, what: 'the joiner to be synced' },
  );
  const during = writing.acknowledged - before;
  await writing.stop();
  expect(status.join).toMatchObject({ by: 'snapshot' });
  expect(status.join.bytes).toBeGreaterThan(keys * 100);
  expect(during).toBeGreaterThan(0);
  await takesWrites(at(joiner), 'default');
  await sameHash(clients.values(), 'default');
  const count = await at(joiner).ask({ path: '/v1/keyspaces/default/keys/count' });
  expect(Number(count.bytes.toString())).toBe(writing.acknowledged);
});
