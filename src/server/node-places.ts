import { join } from 'node:path';
import type { KeyspaceName } from '../model/ids.js';
import type { Runtime } from '../runtime/runtime.js';
import { directoryPlace } from '../storage/directory-place.js';
import type { StorePlace } from '../storage/store-place.js';
import type { NodeConfig } from './config/config.js';

/** Where a node keeps its store of a keyspace. */
export function placeOf(
  node: NodeConfig,
  keyspace: KeyspaceName,
  { clock }: Pick<Runtime, 'clock'>,
): StorePlace {
  return directoryPlace(storePath(node, keyspace), clock);
}

export function storePath(node: NodeConfig, keyspace: KeyspaceName): string {
  return join(node.dataDirectory, keyspace);
}

/** The file beside it that says what kind of log it follows. */
export function logKindPath(node: NodeConfig, keyspace: KeyspaceName): string {
  return join(node.dataDirectory, `${keyspace}.log-kind`);
}

/** The file beside it that says how far it had come. */
export function notePath(node: NodeConfig, keyspace: KeyspaceName): string {
  return join(node.dataDirectory, `${keyspace}.head.json`);
}
