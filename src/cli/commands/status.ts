import { exchange, parseObject, type HttpOutcome, type HttpTarget } from '../../client/http.js';
import { readClusterView } from '../cluster-view.js';
import type { CliContext, Command } from '../context.js';
import { exitCodeOf, exitCodes, type FailedExchange } from '../exit-codes.js';
import { failureText } from '../failure-text.js';
import { statusText } from '../status-table.js';
import { targetsOf, type TargetOptions } from '../target.js';

export interface StatusOptions extends TargetOptions {
  readonly output: 'table' | 'json';
}

const timeoutMs = 3000;

type Json = Readonly<Record<string, unknown>>;
type Answer = { readonly target: HttpTarget; readonly cluster: Json; readonly keyspaces: Json };

/** Asks all known nodes at once and shows what the first of them that answers sees. */
export const status: Command<StatusOptions> = async (options, context) => {
  const { terminal } = context;
  const targets = await targetsOf(options, context);
  const answers = await Promise.all(targets.map((target) => ask(target, context)));
  const found = answers.find((answer) => 'cluster' in answer);
  const failures = answers.filter((answer): answer is FailedExchange => !('cluster' in answer));
  if (found === undefined) {
    for (const failure of failures) terminal.say(failureText(failure, false));
    return exitCodeOf(failures[0]!, false);
  }
  const { target, cluster, keyspaces } = found as Answer;
  if (options.output === 'json') {
    await terminal.out(`${JSON.stringify({ ...cluster, keyspaces: keyspaces['keyspaces'] }, null, 2)}\n`);
    return exitCodes.ok;
  }
  const view = readClusterView(cluster, keyspaces);
  await terminal.out(statusText(view, target.url, (style, text) => terminal.paint(style, text)));
  return exitCodes.ok;
};

async function ask(target: HttpTarget, context: CliContext): Promise<Answer | FailedExchange> {
  const read = async (path: string): Promise<HttpOutcome> =>
    exchange(target, { method: 'GET', path, timeoutMs }, context.runtime.timers);
  const [cluster, keyspaces] = await Promise.all([read('/v1/cluster'), read('/v1/keyspaces')]);
  if (cluster.kind !== 'answer') return cluster;
  if (keyspaces.kind !== 'answer') return keyspaces;
  const bodies = [cluster, keyspaces].map(({ body }) => parseObject(body));
  if (bodies[0] === undefined || bodies[1] === undefined)
    return { kind: 'no-answer', message: `${target.url} does not answer like a node of Meridian` };
  return { target, cluster: bodies[0], keyspaces: bodies[1] };
}
