import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { freePortRange, startTestCluster, temporaryDirectory } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { Supervisor } from './supervisor-process.js';

/** Three nodes' two ports each, then three members' two. */
const portCount = 12;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let base: number;
let running: Supervisor[];

beforeAll(async () => {
  await promisify(execFile)(process.execPath, ['scripts/install-etcd.mjs']);
});
beforeEach(async () => {
  directory = await temporaryDirectory();
  base = await freePortRange(portCount);
  running = [];
});
afterEach(async () => {
  for (const supervisor of running) {
    supervisor.signal('SIGTERM');
    await supervisor.exit();
  }
  await directory.remove();
});

function supervise(args: readonly string[], environment: Record<string, string> = {}): Supervisor {
  const ports = ['--ports-from', String(base)];
  const supervisor = new Supervisor(['--data', directory.path, ...ports, ...args], environment);
  running.push(supervisor);
  return supervisor;
}

const memberUrl = (i: number): string => `http://127.0.0.1:${base + 6 + 2 * i}`;

async function put(value: string): Promise<number> {
  const url = `http://127.0.0.1:${base + 1}/v1/keyspaces/default/keys/k`;
  return (await fetch(url, { method: 'PUT', body: value })).status;
}

async function get(region: number): Promise<string> {
  const url = `http://127.0.0.1:${base + region}/v1/keyspaces/default/keys/k?causal=true`;
  return (await fetch(url)).text();
}

async function servingMembers(): Promise<number[]> {
  const alive = await Promise.all(
    [0, 1, 2].map((i) => fetch(`${memberUrl(i)}/health`).then(Boolean, () => false)),
  );
  return [0, 1, 2].filter((i) => alive[i]);
}

it('runs every keyspace on three members of etcd, which it keeps alive and takes along, and goes on with its data', async () => {
  const first = supervise([], { LOG: 'etcd' });
  await first.serves();
  expect(first.output).toContain(`etcd-2   eu-west    ${memberUrl(1)}`);
  expect(first.output).toMatch(/kill -9 \d+ {3}# us-east, which orders default/);
  const { keyspaces } = (await (await fetch(`http://127.0.0.1:${base}/v1/keyspaces`)).json()) as {
    keyspaces: { log: string }[];
  };
  expect(keyspaces.map(({ log }) => log)).toEqual(['etcd', 'etcd', 'etcd']);

  process.kill(await pidOfMember('etcd-1'), 'SIGKILL');
  await eventually(() => first.output.includes('etcd-1 runs again'), { withinMs: 60_000 });
  expect(first.output).toContain('etcd-1 died by SIGKILL; it starts again in 0.5 s');
  await eventually(async () => (await put('kept')) === 200, { withinMs: 30_000 });

  first.signal('SIGKILL');
  expect(await first.exit()).toBe('SIGKILL');
  await eventually(async () => (await servingMembers()).length === 0, { withinMs: 30_000 });

  base = await freePortRange(portCount);
  const second = supervise(['--log', 'etcd']);
  await second.serves();
  expect(await get(2)).toBe('kept');
  expect(await put('again')).toBe(200);
  second.signal('SIGINT');
  expect(await second.exit()).toBe(0);
  expect(await servingMembers()).toEqual([]);

  const embedded = supervise([]);
  expect(await embedded.exit()).toBe(1);
  expect(embedded.output).toContain(`${directory.path} was begun with its log on etcd`);
});

it('names the ports of etcd that are taken, and refuses a log that it does not know', async () => {
  const server = createServer().listen(base + 7, '127.0.0.1');
  await once(server, 'listening');
  const taken = supervise(['--log', 'etcd']);
  expect(await taken.exit()).toBe(1);
  expect(taken.output).toContain(`127.0.0.1:${base + 7} (peer of etcd-1) is in use by another process`);
  await new Promise((resolve) => server.close(resolve));
  const unknown = supervise(['--log', 'paper']);
  expect(await unknown.exit()).toBe(1);
  expect(unknown.output).toContain('embedded, etcd');
});

it('puts the round trips of cluster.yaml between nodes and members, and between members, too', async () => {
  const cluster = await startTestCluster({ etcd: {}, wan: true });
  try {
    const node = cluster.node('us-east');
    const beganMs = performance.now();
    const answer = await fetch(`${node.httpUrl}/v1/keyspaces/default/keys/k`, { method: 'PUT', body: 'v' });
    // Wherever etcd's leader is, the next member is at least 80 ms away.
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(80);
    expect(answer.status).toBe(200);
  } finally {
    await cluster.discard();
  }
});

/** Several clusters may run here: the one that is meant is told by its data. */
async function pidOfMember(name: string): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid,args']);
  const line = stdout.split('\n').find((one) => one.includes(`--data-dir=${directory.path}/${name}/`));
  if (line === undefined) throw new Error(`no process of ${name}`);
  return Number(line.trim().split(' ')[0]);
}
