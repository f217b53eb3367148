import { exchange } from '../../client/http.js';
import type { Command } from '../context.js';
import { exitCodeOf, exitCodes } from '../exit-codes.js';
import { failureText } from '../failure-text.js';
import { keyPath, targetsOf, type TargetOptions } from '../target.js';

export interface GetOptions extends TargetOptions {
  readonly keyspace: string;
  readonly key: string;
  readonly causal?: boolean | undefined;
  /** A causality token. */
  readonly after?: string | undefined;
}

const timeoutMs = 70_000;

/** Writes the value's bytes as they are; on a terminal a line break follows them. */
export const get: Command<GetOptions> = async (options, context) => {
  const { terminal, runtime } = context;
  const [target] = await targetsOf(options, context);
  const outcome = await exchange(
    target!,
    {
      method: 'GET',
      path: keyPath(options.keyspace, options.key),
      query: { causal: options.causal === true ? 'true' : undefined },
      headers: { 'meridian-causality': options.after },
      timeoutMs,
    },
    runtime.timers,
  );
  if (outcome.kind !== 'answer') {
    terminal.say(failureText(outcome, false));
    return exitCodeOf(outcome, false);
  }
  await terminal.out(outcome.body);
  if (terminal.interactive) await terminal.out('\n');
  return exitCodes.ok;
};
