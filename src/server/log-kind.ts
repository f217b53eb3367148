import { readFile, stat, writeFile } from 'node:fs/promises';
import type { KeyspaceConfig, NodeConfig } from './config/config.js';
import { logKindPath, storePath } from './node-places.js';

/**
 * A store that follows one kind of log must not meet the other: a home whose store is behind etcd would go on from there and
 * fork the history. Notes the kind beside a store that has none yet; throws when it is another than the configuration says.
 */
export async function holdLogKind(node: NodeConfig, { name, log }: KeyspaceConfig): Promise<void> {
  const file = logKindPath(node, name);
  const noted = (await readIfThere(file))?.trim();
  // Before the kind was noted there was one.
  const kind = noted ?? ((await isThere(storePath(node, name))) ? 'embedded' : undefined);
  if (kind !== undefined && kind !== log)
    throw new Error(
      `the copy of ${name} in ${node.dataDirectory} was begun with log: ${kind}, and the configuration says ${log}: ` +
        'a keyspace keeps the log that it began with',
    );
  if (noted === undefined) await writeFile(file, `${log}\n`);
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(undefinedIfNotThere);
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(undefinedIfNotThere)) !== undefined;
}

function undefinedIfNotThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
