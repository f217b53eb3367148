import { askAdmin, endFailed } from '../admin.js';
import { CommandError, type CliContext, type Command } from '../context.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import { text } from '../json-fields.js';
import { allNodes, givenUrl, namedTargets, type NamedTarget, type TargetOptions } from '../target.js';

export interface RejoinOptions extends TargetOptions {
  readonly keyspace: string;
  /** Nodes, as ids of regions/cluster.yaml or URLs. */
  readonly at?: readonly string[] | undefined;
}

/** Has nodes give their copies of a keyspace up for new ones. Which ones is always said, never guessed. */
export const rejoin: Command<RejoinOptions> = async (options, context) => {
  const given = givenUrl(options, context);
  const at = options.at ?? (given === undefined ? [] : [given]);
  if (at.length === 0) throw await whoWaits(options, context);
  let exitCode: ExitCode = exitCodes.ok;
  for (const target of await namedTargets(at, options, context)) {
    const ended = await rejoinAt(target, options.keyspace, context);
    if (exitCode === exitCodes.ok) exitCode = ended;
  }
  return exitCode;
};

async function rejoinAt(target: NamedTarget, keyspace: string, context: CliContext): Promise<ExitCode> {
  const answer = await askAdmin(target, { keyspace, operation: 'rejoin', body: {} }, context);
  if (answer.kind !== 'json') {
    context.terminal.say(`${target.name} does not rejoin ${keyspace}:`);
    return endFailed(answer, true, context);
  }
  const setAside = text(answer.json['setAside']);
  const copy =
    setAside === undefined
      ? 'Its own is set aside when the new one takes its place.'
      : `Its own is set aside as ${setAside}.`;
  await context.terminal.out(
    `${target.name} takes a new copy of ${keyspace}. ${copy}\n\`meridian status\` shows how far it is.\n`,
  );
  return exitCodes.ok;
}

/** Without a node nothing is done; the message names those that need it. */
async function whoWaits(options: RejoinOptions, context: CliContext): Promise<CommandError> {
  const { keyspace } = options;
  const nodes = await allNodes(options, context);
  const states = await Promise.all(
    nodes.map(async (node) => {
      const answer = await askAdmin(node, { keyspace, timeoutMs: 3000 }, context);
      const state = answer.kind === 'json' ? text(answer.json['state']) : undefined;
      return { name: node.name, state };
    }),
  );
  const waiting = states.filter(({ state }) => state === 'inconsistent' || state === 'damaged');
  const lines = ['Which node is to rejoin? Name it with --at, by its id or its URL. Nothing was done.'];
  for (const { name, state } of waiting)
    lines.push(`  meridian rejoin ${keyspace} --at ${name}    # its copy is ${state}`);
  if (waiting.length === 0 && states.some(({ state }) => state !== undefined))
    lines.push('No node that answers has a copy that is inconsistent or damaged.');
  return new CommandError(lines.join('\n'), exitCodes.usage);
}
