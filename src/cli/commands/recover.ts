import { limits } from '../../model/limits.js';
import { askAdmin, endFailed } from '../admin.js';
import type { Command } from '../context.js';
import { exitCodes } from '../exit-codes.js';
import { text } from '../json-fields.js';
import { doneText, planText, readRecovery } from '../recovery-text.js';
import { homeOf, type TargetOptions } from '../target.js';

export interface RecoverOptions extends TargetOptions {
  readonly keyspace: string;
  /** Nodes that are lost. */
  readonly without?: readonly string[] | undefined;
  /** Do it without asking. */
  readonly yes?: boolean | undefined;
}

/** Planning asks every other node. */
const planTimeoutMs = 60_000;
/** A copy may have to be transferred first. */
const recoverTimeoutMs = limits.transferMsMax;

/** Shows what a recovery would do, has it confirmed, does it, and says what is left to do. */
export const recover: Command<RecoverOptions> = async (options, context) => {
  const { terminal } = context;
  const { keyspace, without = [] } = options;
  const target = await homeOf(keyspace, options, context);
  const status = await askAdmin(target, { keyspace }, context);
  if (status.kind !== 'json') return endFailed(status, false, context);
  const home = text(status.json['node']) ?? target.url;
  const query = { without: without.length === 0 ? undefined : without.join(',') };
  const planned = await askAdmin(
    target,
    { keyspace, operation: 'recovery', query, timeoutMs: planTimeoutMs },
    context,
  );
  if (planned.kind !== 'json') return endFailed(planned, false, context);
  const plan = readRecovery(planned.json);
  await terminal.out(
    planText(plan, { keyspace, home, without, paint: (style, cell) => terminal.paint(style, cell) }),
  );
  if (plan.source === undefined) return exitCodes.error;
  if (options.yes !== true) {
    const answer = await terminal.ask(
      `\nType ${keyspace} to begin its new history, anything else to leave it: `,
    );
    if (answer?.trim() !== keyspace) {
      const why = answer === undefined ? ' This is no terminal: confirm with --yes.' : '';
      terminal.say(`Nothing was changed.${why}`);
      return exitCodes.error;
    }
  }
  terminal.say('Recovering. This takes as long as the copy takes to be transferred.');
  const body = { without };
  const done = await askAdmin(
    target,
    { keyspace, operation: 'recovery', body, timeoutMs: recoverTimeoutMs },
    context,
  );
  if (done.kind !== 'json') return endFailed(done, true, context);
  await terminal.out(`\n${doneText(done.json, { keyspace, home, without })}`);
  return exitCodes.ok;
};
