import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash, statusOf, takesWrites } from '../support/http-cluster.js';
import type { HttpClient, HttpReply } from '../support/http-client.js';
import { startForgetfulCluster } from '../support/small-retention.js';
import { runMeridian } from './command-line.js';

const keyspace = 'default';
const home = 'us-east';
const others = ['eu-west', 'ap-south'];
/** Together several times what the log may hold here. */
const writes = 100;
const within = { withinMs: 60_000, everyMs: 50 };

let cluster: TestCluster;
let clients: ReadonlyMap<string, HttpClient>;

beforeAll(async () => {
  await promisify(execFile)(process.execPath, ['scripts/install-etcd.mjs']);
  cluster = await startForgetfulCluster({ etcd: {} });
  clients = clientsOf(cluster);
});
afterAll(() => cluster.discard());

const at = (node: string): HttpClient => clients.get(node)!;
const keyPath = (key: string): string => `/v1/keyspaces/${keyspace}/keys/${key}`;

function put(key: string, body = Buffer.alloc(50_000, key)): Promise<HttpReply> {
  return at(home).ask({ method: 'PUT', path: keyPath(key), body });
}

/** The command at that node; rejects unless it ends well. */
async function operator(command: string, node: string, ...args: readonly string[]): Promise<string> {
  const where = command === 'rejoin' ? '--at' : '--url';
  const ended = await runMeridian([command, ...args, where, cluster.node(node).httpUrl]);
  expect(ended.code, `${command}: ${ended.errors}`).toBe(0);
  return ended.output;
}

it('writes stop where the log in etcd is full for want of other regions, and go on when these are forgotten', async () => {
  expect((await put('before')).status).toBe(200);
  for (const node of others) await cluster.node(node).kill();
  const fills = async (): Promise<void> => {
    const { status, json } = await put('filling');
    expect({ status, ...json }).toMatchObject({ status: 503, code: 'OVERLOADED', outcome: 'not-committed' });
    expect(json.detail).toMatch(/at its bound .*eu-west \(.*ap-south \(.*meridian forget-node/);
  };
  await eventually(fills, within);
  for (const node of others)
    expect(await operator('forget-node', home, keyspace, node)).toContain(`no longer waits for ${node}`);
  await eventually(async () => expect((await put('forgotten')).status).toBe(200), within);
  for (let n = 0; n < writes; n++)
    await eventually(async () => expect((await put(`later-${n}`)).status).toBe(200), within);
  for (const node of others) await cluster.node(node).start();
  const joined = { state: 'synced', join: { by: 'snapshot' } };
  for (const node of others)
    await eventually(async () => expect(await statusOf(at(node), keyspace)).toMatchObject(joined), within);
  await sameHash(clients.values(), keyspace);
});

it('an etcd that lost its data gets a new history from the nodes, and nothing that was committed is missing', async () => {
  await takesWrites(at(home), keyspace);
  expect((await put('committed')).status).toBe(200);
  const hash = await sameHash(clients.values(), keyspace);
  const { uuid } = await statusOf(at(home), keyspace);
  for (const member of cluster.etcd) await member.kill();
  for (const { name } of cluster.etcd)
    await rm(join(cluster.dataDirectory, name, 'data'), { recursive: true });
  await Promise.all(cluster.etcd.map((member) => member.start()));
  await eventually(
    async () => expect((await statusOf(at(home), keyspace)).detail).toMatch(/no history in etcd/),
    within,
  );
  expect((await at('eu-west').ask({ path: keyPath('committed') })).status).toBe(200);

  const told = await operator('recover', home, keyspace, '--yes');
  expect(told).toContain(`in the place of ${uuid}`);
  for (const node of others) {
    expect(told).toContain(`meridian rejoin ${keyspace} --at ${node}`);
    await eventually(
      async () => expect((await statusOf(at(node), keyspace)).state).toBe('inconsistent'),
      within,
    );
    await operator('rejoin', node, keyspace);
  }
  for (const node of [home, ...others]) await takesWrites(at(node), keyspace);
  expect(await sameHash(clients.values(), keyspace)).toBe(hash);
  expect((await put('after')).status).toBe(200);
  await sameHash(clients.values(), keyspace);
  expect((await statusOf(at(home), keyspace)).uuid).not.toBe(uuid);
});
