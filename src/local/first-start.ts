import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { commandOf, environmentOf, nodeDirectory, type Launch } from './launch.js';
import { ClusterStartError } from './start-error.js';

export const logFileName = 'node.log';

/**
 * True when no node has anything in its folder but its log. A set of data that is there in part is none of the
 * supervisor's business: the nodes fail closed and say what the operator can do.
 */
export async function isFirstStart(launch: Launch): Promise<boolean> {
  const contents = await Promise.all(
    launch.cluster.nodes.map((node) => readdir(nodeDirectory(launch, node)).catch(nothingThere)),
  );
  return contents.flat().every((name) => name.startsWith(logFileName));
}

/** Begins the history of every keyspace, by `meridian init` at its home. */
export async function beginHistories(launch: Launch): Promise<void> {
  const homes = launch.cluster.nodes.filter(({ id }) =>
    launch.cluster.keyspaces.some(({ node }) => node === id),
  );
  const run = promisify(execFile);
  await Promise.all(
    homes.map(async (node) => {
      const args = [launch.program, ...commandOf(launch, 'init', node)];
      try {
        await run(process.execPath, args, { env: environmentOf(launch, node) });
      } catch (error) {
        const { stderr, message } = error as Error & { stderr?: string };
        throw new ClusterStartError(`\`meridian init --node ${node.id}\` failed:\n${stderr || message}`);
      }
    }),
  );
}

function nothingThere(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
