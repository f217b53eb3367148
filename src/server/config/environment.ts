import { nodeId, type NodeId } from '../../model/ids.js';
import { parseAddress, parseHttpAddress, type HttpAddress } from './address.js';
import {
  leaseMsMax,
  leaseMsMin,
  logLevels,
  logs,
  startCompares,
  type ClusterConfig,
  type NodeConfig,
} from './config.js';
import { endpointsProblem, etcdOf } from './etcd-settings.js';
import { tokenPattern, tokenRule } from './schema.js';
import { allowed, type Checked, type ConfigProblem } from './problem.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Read by the supervisor and the command line; a node that inherits them passes over them. */
export const foreignVariables = ['MERIDIAN_DATA', 'MERIDIAN_URL', 'MERIDIAN_TOKEN'] as const;

interface Override {
  cluster: ClusterConfig;
  node: NodeConfig;
  /** Without TLS where other machines can reach it. */
  insecure: boolean;
}

/** Returns what is wrong with the value, or undefined once it has been applied. */
type Apply = (value: string, target: Override) => string | undefined;

/** The variables that override settings of a node, in the order of the reference page. */
const variables: Readonly<Record<string, Apply>> = {
  MERIDIAN_DATA_DIRECTORY: (value, target) => {
    if (value === '') return 'must be the path of a directory';
    target.node = { ...target.node, dataDirectory: value };
    return undefined;
  },
  MERIDIAN_HTTP_LISTEN: (value, target) => {
    const listen = parseAddress(value);
    if (listen === undefined) return `must be host:port, not ${JSON.stringify(value)}`;
    target.node = { ...target.node, http: { listen } };
    return undefined;
  },
  MERIDIAN_PEER_LISTEN: (value, target) => {
    const listen = parseAddress(value);
    if (listen === undefined) return `must be host:port, not ${JSON.stringify(value)}`;
    target.node = { ...target.node, peer: { listen } };
    return undefined;
  },
  MERIDIAN_HTTP_ADDRESSES: (value, target) => overrideAddresses('http', value, target),
  MERIDIAN_PEER_ADDRESSES: (value, target) => overrideAddresses('peer', value, target),
  MERIDIAN_START_COMPARE: (value, target) => {
    const startCompare = startCompares.find((word) => word === value);
    if (startCompare === undefined) return `${JSON.stringify(value)} is unknown; ${allowed(startCompares)}`;
    target.node = { ...target.node, startCompare };
    return undefined;
  },
  MERIDIAN_LOG_LEVEL: (value, target) => {
    const logLevel = logLevels.find((word) => word === value);
    if (logLevel === undefined) return `${JSON.stringify(value)} is unknown; ${allowed(logLevels)}`;
    target.node = { ...target.node, logLevel };
    return undefined;
  },
  MERIDIAN_INSECURE: (value, target) => {
    if (value !== 'true' && value !== 'false')
      return `${JSON.stringify(value)} is unknown; ${allowed(['true', 'false'])}`;
    target.insecure ||= value === 'true';
    return undefined;
  },
  MERIDIAN_ETCD_ENDPOINTS: overrideEndpoints,
  MERIDIAN_ETCD_LEASE_MS: (value, target) => {
    const leaseMs = Number(value);
    const { etcd } = target.cluster;
    if (!/^\d+$/.test(value) || leaseMs < leaseMsMin || leaseMs > leaseMsMax)
      return `must be ms, a whole number from ${leaseMsMin} to ${leaseMsMax}, not ${JSON.stringify(value)}`;
    if (etcd === undefined)
      return `there is no etcd: name it in ${target.cluster.file}, or with MERIDIAN_ETCD_ENDPOINTS`;
    target.cluster = { ...target.cluster, etcd: { ...etcd, leaseMs } };
    return undefined;
  },
  MERIDIAN_LOG: (value, target) => {
    const log = logs.find((word) => word === value);
    if (log === undefined) return `${JSON.stringify(value)} is unknown; ${allowed(logs)}`;
    if (log === 'etcd' && target.cluster.etcd === undefined)
      return `there is no etcd: name it in ${target.cluster.file}, or with MERIDIAN_ETCD_ENDPOINTS`;
    const keyspaces = target.cluster.keyspaces.map((keyspace) => ({ ...keyspace, log }));
    target.cluster = { ...target.cluster, keyspaces };
    return undefined;
  },
  MERIDIAN_TOKENS: (value, target) => overrideTokens('tokens', value, target),
  MERIDIAN_ADMIN_TOKENS: (value, target) => overrideTokens('adminTokens', value, target),
};

export const nodeVariables: readonly string[] = Object.keys(variables);

/** MERIDIAN_ variables that nothing reads: most likely misspelt. */
export function unknownVariables(environment: Environment): ConfigProblem[] {
  const known = [...nodeVariables, ...foreignVariables];
  return Object.keys(environment)
    .filter((name) => name.startsWith('MERIDIAN_') && !known.includes(name))
    .map((name) => ({
      file: 'environment',
      setting: name,
      message: `unknown variable; ${allowed(known)}`,
    }));
}

/** The settings of the files with those of the environment in their place. */
export function applyEnvironment(
  files: Readonly<Override>,
  environment: Environment,
): Checked<Readonly<Override>> {
  const problems = unknownVariables(environment);
  const target = { ...files };
  for (const [name, apply] of Object.entries(variables)) {
    const value = environment[name];
    const message = value === undefined ? undefined : apply(value, target);
    if (message !== undefined) problems.push({ file: 'environment', setting: name, message });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: target };
}

/** Messages never repeat what was given: it is a secret. */
function overrideTokens(
  setting: 'tokens' | 'adminTokens',
  text: string,
  target: Override,
): string | undefined {
  const tokens = text.split(',').map((part) => part.trim());
  const wrong = tokens.findIndex((token) => !new RegExp(tokenPattern).test(token));
  if (wrong >= 0) return `must be tokens with commas between them; number ${wrong + 1} is not ${tokenRule}`;
  target.node = { ...target.node, [setting]: tokens };
  return undefined;
}

/** Of the cluster and of this node; what is said of TLS and user stays. */
function overrideEndpoints(text: string, target: Override): string | undefined {
  const endpoints = text.split(',').map((part) => part.trim());
  const problem = endpointsProblem(endpoints);
  if (problem !== undefined) return problem;
  const { etcd } = target.cluster;
  target.cluster = { ...target.cluster, etcd: { ...(etcd ?? etcdOf(endpoints)), endpoints } };
  const { tls, user } = target.node.etcd ?? { tls: undefined, user: undefined };
  target.node = { ...target.node, etcd: { endpoints, tls, user } };
  return undefined;
}

function overrideAddresses(kind: 'http' | 'peer', text: string, target: Override): string | undefined {
  const addresses = new Map<NodeId, HttpAddress>();
  const parse = kind === 'http' ? parseHttpAddress : parseAddress;
  const ids = target.cluster.nodes.map(({ id }) => id);
  for (const item of text.split(',').map((part) => part.trim())) {
    const equals = item.indexOf('=');
    const id = item.slice(0, Math.max(equals, 0));
    const address = parse(item.slice(equals + 1));
    if (equals < 1 || address === undefined || address.port === 0)
      return `must be node=host:port,… and not ${JSON.stringify(item)}`;
    if (!ids.some((known) => known === id))
      return `${JSON.stringify(id)} is no node of ${target.cluster.file}; ${allowed(ids)}`;
    addresses.set(nodeId(id), address);
  }
  const regions = target.cluster.regions.map((region) => ({
    ...region,
    nodes: region.nodes.map((node) => ({ ...node, [kind]: addresses.get(node.id) ?? node[kind] })),
  }));
  target.cluster = { ...target.cluster, regions, nodes: regions.flatMap(({ nodes }) => nodes) };
  return undefined;
}
