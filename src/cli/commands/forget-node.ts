import { askAdmin, endFailed } from '../admin.js';
import type { Command } from '../context.js';
import { exitCodes } from '../exit-codes.js';
import { sequencerOf } from '../sequencer.js';
import type { TargetOptions } from '../target.js';

export interface ForgetNodeOptions extends TargetOptions {
  readonly keyspace: string;
  /** Its id. */
  readonly node: string;
}

/** Tells the node that sequences a keyspace that another will not come back. */
export const forgetNode: Command<ForgetNodeOptions> = async (options, context) => {
  const { keyspace, node } = options;
  const target = await sequencerOf(keyspace, options, context);
  const answer = await askAdmin(target, { keyspace, operation: 'forget-node', body: { node } }, context);
  if (answer.kind !== 'json') return endFailed(answer, true, context);
  await context.terminal.out(
    `The log of ${keyspace} no longer waits for ${node}: what the other nodes hold may be trimmed.\n` +
      'This holds until that node is heard of again, another node takes the role, or the sequencer restarts.\n',
  );
  return exitCodes.ok;
};
