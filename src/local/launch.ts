import { join } from 'node:path';
import { formatAddress, type Address } from '../server/config/address.js';
import type { ClusterConfig, ClusterNode } from '../server/config/config.js';
import type { LocalEtcd } from './etcd/local-etcd.js';
import type { WanLinks } from './wan-links.js';

/** How the processes of a local cluster are started. */
export interface Launch {
  readonly cluster: ClusterConfig;
  /** The `meridian` script. */
  readonly program: string;
  readonly dataDirectory: string;
  /** Whether the cluster's addresses are others than those of the nodes' files. */
  readonly otherPorts: boolean;
  readonly links: WanLinks;
  /** Undefined when the cluster has no etcd of its own. */
  readonly etcd: LocalEtcd | undefined;
  /** Variables that the nodes get beside their own. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Variables of the supervisor's environment that are meant for its nodes. */
const passedOn = ['MERIDIAN_LOG_LEVEL', 'MERIDIAN_START_COMPARE', 'MERIDIAN_TOKENS', 'MERIDIAN_ADMIN_TOKENS'];

export function nodeDirectory(launch: Pick<Launch, 'dataDirectory'>, node: ClusterNode): string {
  return join(launch.dataDirectory, node.id);
}

export function commandOf(launch: Launch, command: 'start' | 'init', node: ClusterNode): string[] {
  return [command, '--cluster', launch.cluster.file, '--node', node.id];
}

export function environmentOf(launch: Launch, node: ClusterNode): NodeJS.ProcessEnv {
  const { cluster, links, otherPorts } = launch;
  const dialled = (to: ClusterNode): Address => links.addressOf(node.id, to.id) ?? to.peer;
  const list = (addressOf: (one: ClusterNode) => Address): string =>
    cluster.nodes.map((one) => `${one.id}=${formatAddress(addressOf(one))}`).join(',');
  const listeners = {
    MERIDIAN_HTTP_LISTEN: formatAddress(node.http),
    MERIDIAN_PEER_LISTEN: formatAddress(node.peer),
    MERIDIAN_HTTP_ADDRESSES: list(({ http }) => http),
  };
  return {
    ...outside(),
    MERIDIAN_DATA_DIRECTORY: nodeDirectory(launch, node),
    MERIDIAN_PEER_ADDRESSES: list(dialled),
    ...(otherPorts ? listeners : {}),
    ...launch.etcd?.environmentOf(node),
    ...launch.environment,
  };
}

function outside(): NodeJS.ProcessEnv {
  const mine = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('MERIDIAN_') || passedOn.includes(name),
  );
  return Object.fromEntries(mine);
}
