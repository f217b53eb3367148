import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { startLocalCluster } from '../src/local/cluster.js';
import { runClosedLoop, type Load } from './closed-loop.js';

interface Scenario {
  readonly name: string;
  readonly region: 'us-east' | 'eu-west';
  readonly method: Load['method'];
  readonly query?: string;
  readonly clients: readonly number[];
}

/** All in keyspace `default`, home us-east: one key per operation, 10,000 keys, values of 100 bytes. */
const scenarios: readonly Scenario[] = [
  { name: 'commit at the home', region: 'us-east', method: 'PUT', clients: [1, 16, 64] },
  { name: 'commit from another region', region: 'eu-west', method: 'PUT', clients: [1, 16, 64] },
  { name: 'local read', region: 'eu-west', method: 'GET', clients: [1, 16, 64] },
  { name: 'causal read', region: 'eu-west', method: 'GET', query: '?causal=true', clients: [1, 16, 64] },
];

const keys = 10_000;
const keysPerLoad = 1000;
const value = 'x'.repeat(100);
const warmUpMs = 1000;
const measuredMs = 4000;
const basePort = 27_100;

const dataDirectory = await mkdtemp(join(tmpdir(), 'meridian-bench-'));
const cluster = await startLocalCluster({ dataDirectory, basePort, wan: process.env.WAN === '1' });
try {
  await cluster.ready();
  await writeAllKeys();
  const table = new Table({
    head: ['', 'clients', 'per second', 'p50 ms', 'p99 ms', 'failed'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, region, method, query = '', clients } of scenarios) {
    const url = cluster.nodes.find((node) => node.region === region)!.httpUrl;
    for (const count of clients) {
      process.stderr.write(`${name}, ${count} ${count === 1 ? 'client' : 'clients'}…\n`);
      const { perSecond, latency, failed } = await runClosedLoop({
        url,
        method,
        // A step that is prime to the number of keys visits all of them in a scattered order.
        path: (n) => `/v1/keyspaces/default/keys/k${(n * 7919) % keys}${query}`,
        ...(method === 'PUT' ? { body: Buffer.from(value) } : {}),
        clients: count,
        warmUpMs,
        measuredMs,
      });
      const ms = (percentile: number): string => (latency.getValueAtPercentile(percentile) / 1000).toFixed(2);
      table.push([name, count, Math.round(perSecond), ms(50), ms(99), failed]);
    }
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node.js ${process.versions.node}`;
  const links =
    process.env.WAN === '1' ? 'links with the round trips of regions/cluster.yaml' : 'no emulated distance';
  console.log(
    `${machine}; three nodes and the load on this machine; ${links}; ${measuredMs / 1000} s per row\n`,
  );
  console.log(table.toString());
} finally {
  await cluster.stop();
  await rm(dataDirectory, { recursive: true, force: true });
}

/** So that every read finds its key. Ends when every region has them. */
async function writeAllKeys(): Promise<void> {
  const post = { method: 'POST', headers: { 'Content-Type': 'application/json' } };
  const [home, ...others] = cluster.nodes.map(({ httpUrl }) => `${httpUrl}/v1/keyspaces/default/transact`);
  for (let from = 0; from < keys; from += keysPerLoad) {
    const names = Array.from({ length: keysPerLoad }, (_, i) => `k${from + i}`);
    const mutations = names.map((key) => ({ set: { key, base64: Buffer.from(value).toString('base64') } }));
    await expectOk(await fetch(home!, { ...post, body: JSON.stringify({ mutations }) }));
  }
  const last = { causal: true, reads: [{ key: `k${keys - 1}` }] };
  for (const url of others) await expectOk(await fetch(url, { ...post, body: JSON.stringify(last) }));
}

async function expectOk(answer: Response): Promise<void> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the keys were not written: ${text}`);
}
