import { readFile } from 'node:fs/promises';
import type { HttpTarget } from '../client/http.js';
import { httpUrl } from '../server/config/address.js';
import { defaultClusterFile, type ClusterConfig } from '../server/config/config.js';
import type { CliContext } from './context.js';
import { CommandError } from './context.js';
import { exitCodes } from './exit-codes.js';

export interface TargetOptions {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  /** Path of a PEM file. */
  readonly ca?: string | undefined;
}

const fallbackUrl = 'http://127.0.0.1:8101';

/**
 * The nodes that a command may ask, in their order: the one of --url or MERIDIAN_URL, else those of
 * regions/cluster.yaml in the working directory, else the first node of a local cluster.
 */
export async function targetsOf(options: TargetOptions, context: CliContext): Promise<HttpTarget[]> {
  const access = await accessOf(options, context);
  const given = givenUrl(options, context);
  if (given !== undefined) return [{ url: given, ...access }];
  const cluster = await clusterFile();
  const urls = cluster === undefined ? [fallbackUrl] : cluster.nodes.map(({ http }) => httpUrl(http));
  return urls.map((url) => ({ url, ...access }));
}

/** A node as its operator names it. */
export interface NamedTarget extends HttpTarget {
  /** Its id in regions/cluster.yaml, else its URL. */
  readonly name: string;
}

/** The nodes of --at: ids of regions/cluster.yaml, or URLs. */
export async function namedTargets(
  names: readonly string[],
  options: TargetOptions,
  context: CliContext,
): Promise<NamedTarget[]> {
  const access = await accessOf(options, context);
  const cluster = names.every(isUrl) ? undefined : await clusterFile();
  return names.map((name) => {
    if (isUrl(name)) return { name, url: checkUrl(name, '--at'), ...access };
    const node = cluster?.nodes.find(({ id }) => id === name);
    if (node !== undefined) return { name, url: httpUrl(node.http), ...access };
    const known = cluster === undefined ? '' : `: ${cluster.nodes.map(({ id }) => id).join(', ')}`;
    const message = `--at ${name} is neither a URL nor a node of ${defaultClusterFile}${known}`;
    throw new CommandError(message, exitCodes.usage);
  });
}

/** Every node of regions/cluster.yaml; none when it cannot be read. */
export async function allNodes(options: TargetOptions, context: CliContext): Promise<NamedTarget[]> {
  const access = await accessOf(options, context);
  const cluster = await clusterFile();
  return cluster?.nodes.map(({ id, http }) => ({ name: id, url: httpUrl(http), ...access })) ?? [];
}

/** The node of --url or MERIDIAN_URL, else the home of the keyspace by regions/cluster.yaml. */
export async function homeOf(
  keyspace: string,
  options: TargetOptions,
  context: CliContext,
): Promise<HttpTarget> {
  const access = await accessOf(options, context);
  const given = givenUrl(options, context);
  if (given !== undefined) return { url: given, ...access };
  const cluster = await clusterFile();
  if (cluster === undefined) return { url: fallbackUrl, ...access };
  const home = cluster.keyspaces.find(({ name }) => name === keyspace)?.node;
  const node = cluster.nodes.find(({ id }) => id === home);
  if (node !== undefined) return { url: httpUrl(node.http), ...access };
  const message = `${defaultClusterFile} has no keyspace ${JSON.stringify(keyspace)}`;
  throw new CommandError(message, exitCodes.notFound);
}

export function givenUrl({ url }: TargetOptions, { environment }: CliContext): string | undefined {
  const given = url ?? environment['MERIDIAN_URL'];
  return given === undefined ? undefined : checkUrl(given, '--url');
}

/** What is alike for every node that is asked. */
async function accessOf(
  { token, ca }: TargetOptions,
  { environment }: CliContext,
): Promise<Omit<HttpTarget, 'url'>> {
  const known = { token: token ?? environment['MERIDIAN_TOKEN'] };
  if (ca === undefined) return known;
  try {
    return { ...known, ca: await readFile(ca) };
  } catch (error) {
    throw new CommandError(`--ca ${ca} cannot be read: ${(error as Error).message}`, exitCodes.usage);
  }
}

/** Loaded when asked for: a command that is given a node does without the libraries that check the file. */
async function clusterFile(): Promise<ClusterConfig | undefined> {
  const { readClusterFile } = await import('../server/config/cluster-file.js');
  const cluster = await readClusterFile(defaultClusterFile);
  return cluster.ok ? cluster.value : undefined;
}

function isUrl(text: string): boolean {
  return text.includes('://');
}

function checkUrl(text: string, option: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new CommandError(`${option} must be like ${fallbackUrl}, not ${text}`, exitCodes.usage);
  return url.origin;
}

/** The path of a key. The keys `.` and `..` do not survive in a URL. */
export function keyPath(keyspace: string, key: string): string {
  if (key === '' || key === '.' || key === '..')
    throw new CommandError(`${JSON.stringify(key)} cannot be a key on the command line`, exitCodes.usage);
  return `/v1/keyspaces/${encode(keyspace)}/keys/${encode(key)}`;
}

function encode(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    throw new CommandError(`${JSON.stringify(text)} is not valid Unicode`, exitCodes.usage);
  }
}
