import { formatAddress, isLoopback } from './address.js';
import type { ClusterConfig, NodeConfig } from './config.js';
import type { Environment } from './environment.js';
import type { ConfigProblem } from './problem.js';

/** The listeners of the node that other machines can reach without TLS. */
export function exposureProblems(node: NodeConfig, environment: Environment): ConfigProblem[] {
  const listeners = [
    {
      listen: node.http.listen,
      tls: node.httpTls,
      setting: 'http.listen',
      variable: 'MERIDIAN_HTTP_LISTEN',
      without: 'http.tls is not given: anyone on the way can read and change what is asked and answered',
      add: 'http.tls with certificate and key',
    },
    {
      listen: node.peer.listen,
      tls: node.tls,
      setting: 'peer.listen',
      variable: 'MERIDIAN_PEER_LISTEN',
      without: 'tls is not given: anyone on the way can read and change everything, and everyone is let in',
      add: 'tls with ca, certificate and key',
    },
  ];
  return listeners
    .filter(({ listen, tls }) => tls === undefined && !isLoopback(listen.host))
    .map(({ listen, setting, variable, without, add }) => ({
      ...(environment[variable] === undefined
        ? { file: node.file, setting }
        : { file: 'environment', setting: variable }),
      message:
        `${formatAddress(listen)} can be reached from other machines, and ${without}. ` +
        `Allowed: ${add}; 127.0.0.1, ::1 or localhost; any address with --insecure on a network that you trust`,
    }));
}

/** Whoever is sent to this node by others, with http, would not be answered. */
export function unreachableProblems({
  cluster,
  node,
}: {
  readonly cluster: ClusterConfig;
  readonly node: NodeConfig;
}): ConfigProblem[] {
  const http = cluster.nodes.find(({ id }) => id === node.id)?.http;
  if (node.httpTls === undefined || http === undefined || http.tls === true) return [];
  const message = `is given, but ${cluster.file} has ${node.id} at ${formatAddress(http)}; there it must be https://${formatAddress(http)}`;
  return [{ file: node.file, setting: 'http.tls', message }];
}
