import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { writeNote, type EtcdNote } from './etcd/layout.js';
import { commandOf, environmentOf, nodeDirectory, type Launch } from './launch.js';
import { ClusterStartError } from './start-error.js';

export const logFileName = 'node.log';

/** Data that a cluster was started on before; undefined note: not with an etcd of its own. */
export interface StartData {
  readonly note: EtcdNote | undefined;
  readonly hasStores: boolean;
}

/**
 * False when no node has anything in its folder but its log. A set of data that is there in part is none of
 * the supervisor's business: the nodes fail closed and say what the operator can do.
 */
export async function hasStores(launch: Pick<Launch, 'cluster' | 'dataDirectory'>): Promise<boolean> {
  const contents = await Promise.all(
    launch.cluster.nodes.map((node) => readdir(nodeDirectory(launch, node)).catch(nothingThere)),
  );
  return !contents.flat().every((name) => name.startsWith(logFileName));
}

/** A store that follows one log must not meet another: a ClusterStartError when the data was begun with the other kind. */
export function refuseOtherLog(
  { note, hasStores: begun }: StartData,
  withEtcd: boolean,
  directory: string,
): void {
  if (note !== undefined && !withEtcd)
    throw new ClusterStartError(
      `${directory} was begun with its log on etcd. Start it with LOG=etcd (--log etcd), or choose other data with --data DIRECTORY.`,
    );
  if (note === undefined && withEtcd && begun)
    throw new ClusterStartError(
      `${directory} was begun with an embedded log. Start it without LOG=etcd, or choose other data with --data DIRECTORY.`,
    );
}

/** Begins the history of every keyspace by `meridian init` at its home, unless that was done. */
export async function beginOnce(launch: Launch, { note, hasStores: begun }: StartData): Promise<void> {
  if (launch.etcd === undefined) {
    if (!begun) await beginHistories(launch);
    return;
  }
  if (note?.begun === true) return;
  await beginHistories(launch);
  await writeNote(launch.dataDirectory, { ...launch.etcd.note, begun: true });
}

async function beginHistories(launch: Launch): Promise<void> {
  const homes = launch.cluster.nodes.filter(({ id }) =>
    launch.cluster.keyspaces.some(({ node }) => node === id),
  );
  const run = promisify(execFile);
  await Promise.all(
    homes.map(async (node) => {
      // A first start may have been cut off after some had begun.
      const args = [launch.program, ...commandOf(launch, 'init', node), '--unless-begun'];
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
