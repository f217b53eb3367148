import type { HttpTarget } from '../../client/http.js';
import { limits } from '../../model/limits.js';
import { delay } from '../../runtime/runtime.js';
import { askAdmin, endFailed } from '../admin.js';
import type { CliContext, Command } from '../context.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import { failureText } from '../failure-text.js';
import { text, type Json } from '../json-fields.js';
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
const pollMs = 2000;
/** Polls in a row that may fail. */
const failuresMax = 30;

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
    planText(plan, {
      ...{ keyspace, home, log: text(status.json['log']), without },
      paint: (style, cell) => terminal.paint(style, cell),
    }),
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
  const tell = async (json: Json): Promise<ExitCode> => {
    await terminal.out(`\n${doneText(json, { keyspace, home, without })}`);
    return exitCodes.ok;
  };
  terminal.say('Recovering. This takes as long as the copy takes to be transferred.');
  const body = { without };
  const done = await askAdmin(
    target,
    { keyspace, operation: 'recovery', body, timeoutMs: recoverTimeoutMs },
    context,
  );
  if (done.kind === 'json') return tell(done.json);
  if (done.kind !== 'no-answer') return endFailed(done, true, context);
  terminal.say(`${done.message}\nWithout an answer; following what the node does.`);
  const uuid = await newHistory(target, { keyspace, before: text(status.json['uuid']) }, context);
  return uuid === undefined
    ? exitCodes.unknownOutcome
    : tell({ ...planned.json, uuid, uuidBefore: plan.copies.find(({ node }) => node === plan.source)?.uuid });
};

interface Followed {
  readonly keyspace: string;
  /** The history that the node had. */
  readonly before: string | undefined;
}

/** HTTP clients give up on an answer that takes long; the node does not. Undefined, and said why, when it is not known how it ends. */
async function newHistory(
  target: HttpTarget,
  { keyspace, before }: Followed,
  context: CliContext,
): Promise<string | undefined> {
  const { terminal, runtime } = context;
  for (let failures = 0; ;) {
    const answer = await askAdmin(target, { keyspace }, context);
    if (answer.kind === 'json') {
      failures = 0;
      const { uuid, state, detail } = answer.json;
      if (state !== 'joining') {
        if (text(uuid) !== undefined && uuid !== before) return text(uuid);
        terminal.say(`${keyspace} is ${String(state)}, and has no new history: ${String(detail)}`);
        return undefined;
      }
    } else {
      failures += 1;
      if (failures >= failuresMax) {
        terminal.say(failureText(answer, false));
        return undefined;
      }
    }
    await delay(runtime.timers, pollMs);
  }
}
