import { readFile } from 'node:fs/promises';
import type { Static } from 'typebox';
import { isLoopback, parseAddress } from './address.js';
import type { ClusterConfig, EtcdAccess, EtcdClusterConfig, NodeConfig } from './config.js';
import type { ConfigProblem } from './problem.js';
import type { clusterSchema, nodeSchema } from './schema.js';
import type { SettingPath } from './yaml-file.js';

const leaseMsDefault = 3000;
const prefixDefault = '/meridian';

type Add = (path: SettingPath, message: string) => void;

/** Undefined when the file names no etcd; then no keyspace of it may need one. */
export function readClusterEtcd(
  { etcd }: Static<typeof clusterSchema>,
  add: Add,
): EtcdClusterConfig | undefined {
  if (etcd === undefined) return undefined;
  addEndpointProblems(etcd.endpoints, ['etcd', 'endpoints'], add);
  return etcdOf(etcd.endpoints, etcd.prefix, etcd.leaseMs);
}

export function etcdOf(
  endpoints: readonly string[],
  prefix: string = prefixDefault,
  leaseMs: number = leaseMsDefault,
): EtcdClusterConfig {
  return { endpoints, prefix, leaseMs };
}

function addEndpointProblems(endpoints: readonly string[], path: SettingPath, add: Add): void {
  const wrong = endpoints.findIndex((endpoint) => endpointOf(endpoint) === undefined);
  if (wrong >= 0) add([...path, wrong], `must be ${endpointRule}, not ${JSON.stringify(endpoints[wrong])}`);
  else {
    const message = endpointsProblem(endpoints);
    if (message !== undefined) add(path, message);
  }
}

const endpointRule = 'http://host:port or https://host:port';

/** What is wrong with a list of endpoints; undefined when they will do. */
export function endpointsProblem(endpoints: readonly string[]): string | undefined {
  const read = endpoints.map(endpointOf);
  const wrong = read.indexOf(undefined);
  if (wrong >= 0 || endpoints.length === 0)
    return `must be ${endpointRule}, with commas between several, not ${JSON.stringify(endpoints[wrong] ?? '')}`;
  if (new Set(read.map((endpoint) => endpoint?.scheme)).size > 1)
    return 'has http and https; all endpoints are of one scheme';
  const twice = endpoints.find((endpoint, index) => endpoints.indexOf(endpoint) !== index);
  return twice === undefined ? undefined : `has ${twice} twice`;
}

function endpointOf(text: string): { readonly scheme: string; readonly host: string } | undefined {
  const [, scheme, rest] = /^(https?):\/\/(.*)$/.exec(text) ?? [];
  const address = rest === undefined ? undefined : parseAddress(rest);
  if (scheme === undefined || address === undefined || address.port === 0) return undefined;
  return { scheme, host: address.host };
}

type NodeEtcd = Static<typeof nodeSchema>['etcd'];

/**
 * How the node speaks to etcd. Its endpoints are empty when neither file names any: the environment may still do so.
 * The password is read here.
 */
export async function readNodeEtcd(
  given: NodeEtcd,
  cluster: ClusterConfig,
  add: Add,
): Promise<EtcdAccess | undefined> {
  if (given === undefined && cluster.etcd === undefined) return undefined;
  const { endpoints, ca, certificate, key, user, passwordFile } = given ?? {};
  if (endpoints !== undefined) addEndpointProblems(endpoints, ['etcd', 'endpoints'], add);
  const needs = (setting: string, value: unknown, other: string, reason: string): void => {
    if (value === undefined) add(['etcd', setting], `is missing; ${other} ${reason}`);
  };
  if (certificate !== undefined) {
    needs('key', key, 'etcd.certificate', 'is of no use without its key');
    needs('ca', ca, 'etcd.certificate', 'is shown to an etcd that etcd.ca has checked');
  } else if (key !== undefined) needs('certificate', certificate, 'etcd.key', 'belongs to a certificate');
  if (user !== undefined) needs('passwordFile', passwordFile, 'etcd.user', 'has a password');
  else if (passwordFile !== undefined) needs('user', user, 'etcd.passwordFile', 'is the password of a user');
  const password = passwordFile === undefined ? undefined : await readPassword(passwordFile, add);
  return {
    endpoints: endpoints ?? cluster.etcd?.endpoints ?? [],
    tls:
      ca === undefined
        ? undefined
        : { ca, ...(certificate === undefined || key === undefined ? {} : { certificate, key }) },
    user: user === undefined || password === undefined ? undefined : { name: user, password },
  };
}

/** The first line of the file, without its end. */
async function readPassword(file: string, add: Add): Promise<string | undefined> {
  const path = ['etcd', 'passwordFile'];
  try {
    const [password = ''] = (await readFile(file, 'utf8')).split(/\r?\n/);
    if (password !== '') return password;
    add(path, `${file} has no password in its first line`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    add(path, code === 'ENOENT' ? `there is no file ${file}` : `${file} cannot be read: ${message}`);
  }
  return undefined;
}

/** What does not fit together once the environment has had its say. */
export function etcdProblems(
  { cluster, node }: { readonly cluster: ClusterConfig; readonly node: NodeConfig },
  insecure: boolean,
): ConfigProblem[] {
  const { etcd } = node;
  const problem = (message: string): ConfigProblem[] => [{ file: node.file, setting: 'etcd', message }];
  if (etcd === undefined) return [];
  if (cluster.etcd === undefined)
    return problem(
      `${cluster.file} has no etcd: add etcd.endpoints there, or set MERIDIAN_ETCD_ENDPOINTS, or leave this out`,
    );
  const first = etcd.endpoints[0];
  const plain = first?.startsWith('http://') === true;
  if (plain && etcd.tls !== undefined)
    return problem(`ca is for endpoints with https, but ${first} is without; nothing would be encrypted`);
  const open = etcd.endpoints.find((endpoint) => !isLoopback(endpointOf(endpoint)?.host ?? ''));
  if (!plain || open === undefined || insecure) return [];
  return problem(
    `${open} is spoken to without TLS: anyone on the way can read and change the order of all writes. ` +
      'Allowed: https endpoints, endpoints on 127.0.0.1, ::1 or localhost, or any with --insecure on a network that you trust',
  );
}
