import type { HttpTarget } from '../client/http.js';
import { httpUrl } from '../server/config/address.js';
import { defaultClusterFile } from '../server/config/config.js';
import type { CliContext } from './context.js';
import { CommandError } from './context.js';
import { exitCodes } from './exit-codes.js';

export interface TargetOptions {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
}

const fallbackUrl = 'http://127.0.0.1:8101';

/**
 * The nodes that a command may ask, in their order: the one of --url or MERIDIAN_URL, else those of
 * regions/cluster.yaml in the working directory, else the first node of a local cluster.
 */
export async function targetsOf(options: TargetOptions, context: CliContext): Promise<HttpTarget[]> {
  const { environment } = context;
  const token = options.token ?? environment['MERIDIAN_TOKEN'];
  const given = options.url ?? environment['MERIDIAN_URL'];
  if (given !== undefined) return [{ url: checkUrl(given), token }];
  // Loaded when asked for: a command that is given a node does without the libraries that check the file.
  const { readClusterFile } = await import('../server/config/cluster-file.js');
  const cluster = await readClusterFile(defaultClusterFile);
  const urls = cluster.ok ? cluster.value.nodes.map(({ http }) => httpUrl(http)) : [fallbackUrl];
  return urls.map((url) => ({ url, token }));
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new CommandError(`--url must be like ${fallbackUrl}, not ${text}`, exitCodes.usage);
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
