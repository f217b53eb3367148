import { delay } from '../../runtime/runtime.js';
import { createSystemLogger } from '../../runtime/system/logger.js';
import { startNode } from '../../server/node-process.js';
import { configurationOf, type NodeOptions } from '../configuration.js';
import { CommandError, type Command } from '../context.js';
import { exitCodes } from '../exit-codes.js';

/** Longer than a node takes that is well; one that hangs must not outlive its supervisor. */
const stopMsMax = 10_000;

/** Runs a node until the process is asked to stop. */
export const start: Command<NodeOptions> = async (options, context) => {
  const { terminal, runtime } = context;
  const { cluster, node } = await configurationOf(options, context);
  const logger = createSystemLogger({ level: node.logLevel, fields: { node: node.id } });
  const stopped = context.untilStopped();
  const running = await startNode({ cluster, node, logger });
  const { http, peer } = running.addresses;
  await terminal.out(`${node.id} serves HTTP at ${http} and peers at ${peer}\n`);
  tellSupervisor({ type: 'started', http, peer });
  logger.info({ reason: await stopped }, 'stopping');
  const late = delay(runtime.timers, stopMsMax).then(() => 'late' as const);
  if ((await Promise.race([running.stop(), late])) !== 'late') return exitCodes.ok;
  throw new CommandError(`${node.id} did not stop within ${stopMsMax / 1000} s`, exitCodes.error);
};

function tellSupervisor(message: object): void {
  // Should it be gone meanwhile, `untilStopped` says so.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}
