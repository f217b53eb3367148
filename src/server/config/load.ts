import { dirname, join } from 'node:path';
import { formatAddress, isLoopback } from './address.js';
import { readClusterFile } from './cluster-file.js';
import { defaultClusterFile, type ClusterConfig, type ClusterNode, type NodeConfig } from './config.js';
import { applyEnvironment, type Environment } from './environment.js';
import { readNodeFile } from './node-file.js';
import { allowed, type Checked, type ConfigProblem } from './problem.js';

export interface LoadOptions {
  /** Default `regions/cluster.yaml`. */
  readonly clusterFile?: string | undefined;
  /** Default: beside the cluster file, `<region>.yaml`, or `<node>.yaml` where the region has several nodes. */
  readonly nodeFile?: string | undefined;
  /** The id of the node to start; a node file of another id is an error. */
  readonly node: string;
  readonly environment: Environment;
  /** Allows listeners that other machines can reach. */
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
  const loaded = applyEnvironment({ cluster: cluster.value, node: node.value }, options.environment);
  if (!loaded.ok) return loaded;
  const problems = options.insecure ? [] : exposed(loaded.value.node, options.environment);
  return problems.length > 0 ? { ok: false, problems } : loaded;
}

function defaultNodeFile(cluster: ClusterConfig, { id, region }: ClusterNode): string {
  const alone = cluster.nodes.filter((node) => node.region === region).length === 1;
  return join(dirname(cluster.file), `${alone ? region : id}.yaml`);
}

function exposed(node: NodeConfig, environment: Environment): ConfigProblem[] {
  const listeners = [
    { listen: node.http.listen, setting: 'http.listen', variable: 'MERIDIAN_HTTP_LISTEN' },
    { listen: node.peer.listen, setting: 'peer.listen', variable: 'MERIDIAN_PEER_LISTEN' },
  ];
  return listeners
    .filter(({ listen }) => !isLoopback(listen.host))
    .map(({ listen, setting, variable }) => ({
      ...(environment[variable] === undefined
        ? { file: node.file, setting }
        : { file: 'environment', setting: variable }),
      message:
        `${formatAddress(listen)} can be reached from other machines, and this version has no TLS: anyone ` +
        'on the way can read and change everything, and the peer port lets everyone in. ' +
        'Allowed: 127.0.0.1, ::1, localhost, or any address with --insecure on a network that you trust',
    }));
}
