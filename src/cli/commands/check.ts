import type { HttpTarget } from '../../client/http.js';
import { delay } from '../../runtime/runtime.js';
import { askAdmin, endFailed } from '../admin.js';
import { readKeyspaceView, type CheckView } from '../cluster-view.js';
import type { CliContext, Command } from '../context.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import { number, text } from '../json-fields.js';
import { count } from '../quantities.js';
import { sequencerOf } from '../sequencer.js';
import type { TargetOptions } from '../target.js';

export interface CheckOptions extends TargetOptions {
  readonly keyspace: string;
}

interface Mark {
  readonly name: string;
  readonly position: number;
}

const pollMs = 500;
/** Polls in a row that may fail. */
const failuresMax = 10;

/** Has all nodes compare their state of a keyspace, and follows that until there is a verdict. */
export const check: Command<CheckOptions> = async (options, context) => {
  const { keyspace } = options;
  const target = await sequencerOf(keyspace, options, context);
  const begun = await askAdmin(target, { keyspace, operation: 'check', body: {} }, context);
  if (begun.kind !== 'json') return endFailed(begun, true, context);
  const mark = { name: text(begun.json['mark']) ?? '', position: number(begun.json['position']) ?? 0 };
  context.terminal.say(`The nodes compare ${keyspace} at log position ${count(mark.position)}.`);
  const stopped = context.untilStopped().then(() => 'stopped' as const);
  const ended = await Promise.race([follow(target, { keyspace, mark }, context), stopped]);
  if (ended !== 'stopped') return ended;
  context.terminal.say('The check goes on; `meridian status` will show its verdict.');
  return exitCodes.unavailable;
};

async function follow(
  target: HttpTarget,
  { keyspace, mark }: { readonly keyspace: string; readonly mark: Mark },
  context: CliContext,
): Promise<ExitCode> {
  for (let failures = 0; ;) {
    const answer = await askAdmin(target, { keyspace }, context);
    if (answer.kind === 'json') {
      failures = 0;
      const { check: seen, state, detail } = readKeyspaceView(answer.json);
      if (seen?.mark === mark.name && seen.verdict !== 'running') return end(seen, context);
      if (seen !== undefined && seen.position > mark.position) {
        context.terminal.say('Another check has begun meanwhile: `meridian status` shows its verdict.');
        return exitCodes.unavailable;
      }
      if (state === 'inconsistent' || state === 'damaged') {
        context.terminal.say(`${target.url} has stopped serving ${keyspace}: ${detail ?? state}`);
        return exitCodes.difference;
      }
    } else {
      failures += 1;
      if (failures >= failuresMax) return endFailed(answer, false, context);
    }
    await delay(context.runtime.timers, pollMs);
  }
}

async function end({ verdict, seqno, detail, hash }: CheckView, context: CliContext): Promise<ExitCode> {
  const { terminal } = context;
  const state = hash === undefined ? '' : `, SHA-256 ${hash}`;
  const [style, exitCode] =
    verdict === 'equal'
      ? (['green', exitCodes.ok] as const)
      : verdict === 'differs'
        ? (['red', exitCodes.difference] as const)
        : (['yellow', exitCodes.unavailable] as const);
  await terminal.out(`${terminal.paint(style, verdict)} at commit ${count(seqno)}${state}\n${detail}\n`);
  return exitCode;
}
