import { exchange, parseObject, type HttpTarget } from '../../client/http.js';
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

type Answer = { readonly target: HttpTarget; readonly cluster: Readonly<Record<string, unknown>> };

/** Asks all known nodes at once and shows what the first of them that answers sees. */
export const status: Command<StatusOptions> = async (options, context) => {
  const { terminal } = context;
  const targets = await targetsOf(options, context);
  const answers = await Promise.all(targets.map((target) => ask(target, context)));
  const found = answers.find((answer): answer is Answer => 'cluster' in answer);
  if (found === undefined) {
    const failures = answers as FailedExchange[];
    for (const failure of failures) terminal.say(failureText(failure, false));
    return exitCodeOf(failures[0]!, false);
  }
  const text =
    options.output === 'json'
      ? `${JSON.stringify(found.cluster, null, 2)}\n`
      : statusText(readClusterView(found.cluster), {
          url: found.target.url,
          paint: (style, cell) => terminal.paint(style, cell),
          others: answers
            .filter((answer): answer is Answer => 'cluster' in answer && answer !== found)
            .map((answer) => readClusterView(answer.cluster)),
        });
  await terminal.out(text);
  return exitCodes.ok;
};

async function ask(target: HttpTarget, context: CliContext): Promise<Answer | FailedExchange> {
  const outcome = await exchange(
    target,
    { method: 'GET', path: '/v1/cluster', timeoutMs },
    context.runtime.timers,
  );
  if (outcome.kind !== 'answer') return outcome;
  const cluster = parseObject(outcome.body);
  return cluster === undefined
    ? { kind: 'no-answer', message: `${target.url} does not answer like a node of Meridian` }
    : { target, cluster };
}
