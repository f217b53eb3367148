import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '../../runtime/runtime.js';
import { startNode } from '../node-process.js';
import { formatProblem } from './problem.js';
import { loadConfiguration } from './load.js';

const directory = 'regions/examples/three-machines';
const nodes = ['us-east', 'eu-west', 'ap-south'];

async function load(node: string) {
  const clusterFile = join(directory, 'cluster.yaml');
  const loaded = await loadConfiguration({ clusterFile, node, environment: {}, insecure: false });
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.value;
}

it.each(nodes)(
  'the example for three machines is a configuration of %s, with TLS on every way',
  async (id) => {
    const { cluster, node } = await load(id);
    expect(cluster.keyspaces.map(({ log, node: home }) => [log, home])).toEqual(
      nodes.map((home) => ['etcd', home]),
    );
    expect(cluster.nodes.every(({ http }) => http.tls)).toBe(true);
    expect(node.etcd?.endpoints[0]).toBe(`https://${id}.example.com:2379`);
    expect(new Set(node.etcd?.endpoints)).toEqual(new Set(cluster.etcd?.endpoints));
    expect([node.tls, node.httpTls, node.etcd?.tls]).not.toContain(undefined);
  },
);

it('a node of the example does not start without its certificates, and names the first that is missing', async () => {
  const { cluster, node } = await load('us-east');
  const data = await mkdtemp(join(tmpdir(), 'meridian-examples-'));
  const starting = startNode({ cluster, node: { ...node, dataDirectory: data }, logger: silentLogger });
  await expect(starting).rejects.toThrow(
    /^regions\/examples\/three-machines\/us-east\.yaml: tls\.(ca|certificate|key): there is no file \/etc\/meridian\//,
  );
  await rm(data, { recursive: true });
});
