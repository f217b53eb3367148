import { join, relative } from 'node:path';
import { readClusterFile } from '../server/config/cluster-file.js';
import type { ClusterConfig } from '../server/config/config.js';
import { formatProblem } from '../server/config/problem.js';
import { etcdPortsFrom, memberCount, type EtcdPorts } from './etcd/layout.js';
import { packageRoot } from './package-root.js';
import { portsFrom, type NodePorts } from './ports.js';
import { ClusterStartError } from './start-error.js';

export interface LocalConfigOptions {
  readonly regionsDirectory?: string | undefined;
  readonly basePort?: number | undefined;
  readonly ports?: readonly NodePorts[] | undefined;
  readonly etcd?: { readonly ports?: readonly EtcdPorts[] | undefined } | undefined;
}

/** The file's cluster, at the ports that were asked for. */
export async function localConfig(options: LocalConfigOptions): Promise<ClusterConfig> {
  // Relative to the working directory, which the nodes share: messages name the file as people would.
  const directory = options.regionsDirectory ?? relative('.', join(packageRoot, 'regions'));
  const read = await readClusterFile(join(directory, 'cluster.yaml'));
  if (!read.ok)
    throw new ClusterStartError(
      `The configuration is wrong:\n${read.problems.map((problem) => `  ${formatProblem(problem)}`).join('\n')}`,
    );
  const config = read.value;
  const ports = nodePorts(options, config.nodes.length);
  if (ports === undefined) return config;
  const host = '127.0.0.1';
  const nodes = config.nodes.map((node, i) => ({
    ...node,
    http: { host, port: ports[i]!.http },
    peer: { host, port: ports[i]!.peer },
  }));
  const regions = config.regions.map((region) => ({
    ...region,
    nodes: nodes.filter((node) => node.region === region.id),
  }));
  return { ...config, regions, nodes };
}

/** Of etcd's members: those that were asked for, else after the nodes' where they are counted from a first one, else the usual. */
export function etcdPorts({ etcd, basePort }: LocalConfigOptions, nodes: number): readonly EtcdPorts[] {
  if (etcd?.ports !== undefined) return etcd.ports;
  return basePort === undefined ? etcdPortsFrom() : etcdPortsFrom(basePort + 2 * nodes);
}

function nodePorts({ ports, basePort, etcd }: LocalConfigOptions, nodes: number) {
  if (ports !== undefined || basePort === undefined) return ports;
  return portsFrom(basePort, nodes, etcd === undefined ? 0 : 2 * memberCount);
}
