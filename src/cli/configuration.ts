import { loadConfiguration, type Configuration } from '../server/config/load.js';
import { formatProblem } from '../server/config/problem.js';
import { CommandError, type CliContext } from './context.js';
import { exitCodes } from './exit-codes.js';

export interface NodeOptions {
  readonly node: string;
  /** Path of the cluster's file. */
  readonly cluster?: string | undefined;
  /** Path of the node's file. */
  readonly config?: string | undefined;
  readonly insecure?: boolean | undefined;
}

/** The node's configuration; a CommandError that lists all problems when it is wrong. */
export async function configurationOf(options: NodeOptions, context: CliContext): Promise<Configuration> {
  const loaded = await loadConfiguration({
    clusterFile: options.cluster,
    nodeFile: options.config,
    node: options.node,
    environment: context.environment,
    insecure: options.insecure === true,
  });
  if (loaded.ok) return loaded.value;
  const problems = loaded.problems.map((problem) => `  ${formatProblem(problem)}`).join('\n');
  throw new CommandError(`The configuration is wrong:\n${problems}`, exitCodes.error);
}
