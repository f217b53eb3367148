import { createSystemLogger } from '../../runtime/system/logger.js';
import { initHistories } from '../../server/init-histories.js';
import { configurationOf, type NodeOptions } from '../configuration.js';
import { CommandError, type Command } from '../context.js';
import { exitCodes } from '../exit-codes.js';

export interface InitOptions extends NodeOptions {
  /** What has begun already is no error. */
  readonly unlessBegun?: boolean | undefined;
}

/** Begins the histories of the keyspaces that have their home at the node, and says which. */
export const init: Command<InitOptions> = async (options, context) => {
  const { terminal, runtime } = context;
  // It listens nowhere, so no address is too open for it.
  const { cluster, node } = await configurationOf({ ...options, insecure: true }, context);
  if (!cluster.keyspaces.some((keyspace) => keyspace.node === node.id)) {
    await terminal.out(`No keyspace has its home at ${node.id}: there is nothing to begin.\n`);
    return exitCodes.ok;
  }
  const logger = createSystemLogger({ level: node.logLevel, fields: { node: node.id } });
  const histories = await initHistories({ cluster, node, runtime: { ...runtime, logger } });
  const inEtcd = new Set<string>(
    cluster.keyspaces.filter(({ log }) => log === 'etcd').map(({ name }) => name),
  );
  const placeOf = (keyspace: string): string =>
    inEtcd.has(keyspace) ? ` in etcd (${node.etcd?.endpoints.join(', ')})` : '';
  for (const { keyspace, uuid, created } of histories)
    await terminal.out(
      created
        ? `Keyspace ${keyspace} begins its history ${uuid}${placeOf(keyspace)}.\n`
        : `Keyspace ${keyspace} has the history ${uuid} already${placeOf(keyspace)}; it is left as it is.\n`,
    );
  if (options.unlessBegun === true || histories.some(({ created }) => created)) return exitCodes.ok;
  throw new CommandError('Every history has begun already: nothing was changed.', exitCodes.error);
};
