import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

let cluster: TestCluster;
beforeAll(async () => void (cluster = await startTestCluster()));
afterAll(() => cluster.discard());

async function put(node: string, keyspace: string): Promise<number> {
  const url = `${cluster.node(node).httpUrl}/v1/keyspaces/${keyspace}/keys/k`;
  return (await fetch(url, { method: 'PUT', body: node })).status;
}

it('starts nodes that take writes, kills one, and starts it again with its data', async () => {
  expect(await put('eu-west', 'default')).toBe(200);
  const home = cluster.node('us-east');
  const pid = home.pid;
  expect(await home.kill()).toMatchObject({ signal: 'SIGKILL' });
  expect(home.running).toBe(false);
  // Killed by request: nobody starts it again, and nobody calls it a death.
  expect(cluster.events.filter(({ kind }) => kind === 'died')).toEqual([]);
  await home.start();
  expect(home.pid).not.toBe(pid);
  await cluster.ready();
  expect(await put('us-east', 'default')).toBe(200);
});

it('lets a home commit while both others stand still', async () => {
  const others = ['us-east', 'ap-south'].map((id) => cluster.node(id));
  others.forEach((node) => node.pause());
  expect(await put('eu-west', 'eu')).toBe(200);
  others.forEach((node) => node.resume());
  await cluster.ready();
});

it('tells of a node that dies unasked', async () => {
  process.kill(cluster.node('eu-west').pid, 'SIGKILL');
  const died = await eventually(() => cluster.events.find(({ kind }) => kind === 'died') ?? false);
  expect(died).toMatchObject({ name: 'eu-west', exit: { signal: 'SIGKILL' }, restartMs: undefined });
  await cluster.node('eu-west').start();
  await cluster.ready();
});

it('stops in order, also a node that stands still, and stopping again changes nothing', async () => {
  cluster.node('ap-south').pause();
  await cluster.stop();
  await cluster.stop();
  expect(cluster.nodes.map(({ running }) => running)).toEqual([false, false, false]);
  expect(existsSync(join(cluster.dataDirectory, 'supervisor.lock'))).toBe(false);
  for (const { id } of cluster.nodes)
    expect(readFileSync(join(cluster.dataDirectory, id, 'node.log'), 'utf8')).toContain('"msg":"stopping"');
});
