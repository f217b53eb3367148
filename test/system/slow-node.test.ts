import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash, statusOf, takesWrites } from '../support/http-cluster.js';
import type { HttpClient } from '../support/http-client.js';

const stopped = 'ap-south';
const others = ['us-east', 'eu-west'];
/** More than the streams to a node may hold (limits.peerStreamQueueBytesMax). */
const largeCommits = 84;
const large = Buffer.alloc(800 * 1024, 'x');
const residentMiBMax = 1024;

let cluster: TestCluster;
let clients: ReadonlyMap<string, HttpClient>;

beforeAll(async () => {
  cluster = await startTestCluster();
  clients = clientsOf(cluster);
});
afterAll(async () => {
  cluster.node(stopped).resume();
  await cluster.discard();
});

const at = (node: string): HttpClient => clients.get(node)!;

/** Commits, so many at a time, at the nodes in turn; each must be acknowledged. */
async function commitAll(count: number, body: Buffer, atOnce: number): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) {
      const n = next++;
      const put = { method: 'PUT', path: `/v1/keyspaces/default/keys/key${n % 40}`, body } as const;
      const { status, bytes } = await at(others[n % 2]!).ask(put);
      expect([status, status === 200 ? '' : bytes.toString()]).toEqual([200, '']);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
}

function mostResidentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

it('a node that stands still holds up nobody, whatever piles up for it, and catches up by entries', async () => {
  const { applied: before } = await statusOf(at(stopped), 'default');
  cluster.node(stopped).pause();
  await commitAll(largeCommits, large, 4);
  await commitAll(300, Buffer.from('small'), 32);
  for (const node of others) expect(mostResidentMiB(cluster.node(node).pid)).toBeLessThan(residentMiBMax);
  // Its absence is told.
  await eventually(async () => {
    const { nodes } = await at('us-east').json({ path: '/v1/cluster' });
    expect(nodes.find(({ node }: { node: string }) => node === stopped).reachable).toBe(false);
  });
  cluster.node(stopped).resume();
  await takesWrites(at(stopped), 'default');
  await sameHash(clients.values(), 'default');
  const status = await statusOf(at(stopped), 'default');
  expect(status.applied - before).toBeGreaterThanOrEqual(largeCommits + 300);
  expect(status.join).toMatchObject({ by: 'entries' });
});

it('a node that runs a hundredth of the time holds up nobody', async () => {
  const node = cluster.node(stopped);
  node.pause();
  let nextPause: NodeJS.Timeout | undefined;
  const dutyCycle = setInterval(() => {
    node.resume();
    clearTimeout(nextPause);
    nextPause = setTimeout(() => node.pause(), 2);
  }, 200);
  await commitAll(500, Buffer.from('small'), 32);
  clearInterval(dutyCycle);
  clearTimeout(nextPause);
  node.resume();
  await takesWrites(at(stopped), 'default');
  await sameHash(clients.values(), 'default');
});
