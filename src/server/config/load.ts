import { dirname, join } from 'node:path';
import { readClusterFile } from './cluster-file.js';
import { defaultClusterFile, type ClusterConfig, type ClusterNode, type NodeConfig } from './config.js';
import { applyEnvironment, type Environment } from './environment.js';
import { etcdProblems } from './etcd-settings.js';
import { exposureProblems, unreachableProblems } from './exposure.js';
import { readNodeFile } from './node-file.js';
import { allowed, type Checked } from './problem.js';

export interface LoadOptions {
  /** Default `regions/cluster.yaml`. */
  readonly clusterFile?: string | undefined;
  /** Default: beside the cluster file, `<region>.yaml`, or `<node>.yaml` where the region has several nodes. */
  readonly nodeFile?: string | undefined;
  /** The id of the node to start; a node file of another id is an error. */
  readonly node: string;
  readonly environment: Environment;
  /** Allows what other machines can reach to go without TLS; MERIDIAN_INSECURE=true does so, too. */
  readonly insecure: boolean;
}

export interface Configuration {
  readonly cluster: ClusterConfig;
  readonly node: NodeConfig;
}

/** Everything that a node is told, or everything that is wrong with it. */
export async function loadConfiguration(options: LoadOptions): Promise<Checked<Configuration>> {
  const cluster = await readClusterFile(options.clusterFile ?? defaultClusterFile);
  if (!cluster.ok) return cluster;
  const known = cluster.value.nodes.find(({ id }) => id === options.node);
  if (known === undefined) {
    const message = `has no node ${JSON.stringify(options.node)}; ${allowed(cluster.value.nodes.map(({ id }) => id))}`;
    return { ok: false, problems: [{ file: cluster.value.file, setting: 'regions', message }] };
  }
  const file = options.nodeFile ?? defaultNodeFile(cluster.value, known);
  const node = await readNodeFile(file, cluster.value);
  if (!node.ok) return node;
  if (node.value.id !== known.id) {
    const message = `is ${node.value.id}, but the node to start is ${known.id}; name its file with --config`;
    return { ok: false, problems: [{ file, setting: 'id', message }] };
  }
  const { environment, insecure } = options;
  const loaded = applyEnvironment({ cluster: cluster.value, node: node.value, insecure }, environment);
  if (!loaded.ok) return loaded;
  const problems = [
    ...(loaded.value.insecure ? [] : exposureProblems(loaded.value.node, environment)),
    ...unreachableProblems(loaded.value),
    ...etcdProblems(loaded.value, loaded.value.insecure),
  ];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { cluster: loaded.value.cluster, node: loaded.value.node } };
}

function defaultNodeFile(cluster: ClusterConfig, { id, region }: ClusterNode): string {
  const alone = cluster.nodes.filter((node) => node.region === region).length === 1;
  return join(dirname(cluster.file), `${alone ? region : id}.yaml`);
}
