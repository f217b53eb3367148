import type { HttpTarget } from '../client/http.js';
import { askAdmin } from './admin.js';
import type { CliContext } from './context.js';
import { text } from './json-fields.js';
import { allNodes, givenUrl, homeOf, type TargetOptions } from './target.js';

const askTimeoutMs = 3000;

/**
 * The node of --url or MERIDIAN_URL, else the node that sequences the keyspace, by the first of regions/cluster.yaml that knows,
 * its home asked first; the home when nobody does.
 */
export async function sequencerOf(
  keyspace: string,
  options: TargetOptions,
  context: CliContext,
): Promise<HttpTarget> {
  const home = await homeOf(keyspace, options, context);
  if (givenUrl(options, context) !== undefined) return home;
  const nodes = await allNodes(options, context);
  for (const target of [home, ...nodes.filter(({ url }) => url !== home.url)]) {
    const status = await askAdmin(target, { keyspace, timeoutMs: askTimeoutMs }, context);
    const sequencer = status.kind === 'json' ? text(status.json['sequencer']) : undefined;
    const named = nodes.find(({ name }) => name === sequencer);
    if (named !== undefined) return named;
  }
  return home;
}
