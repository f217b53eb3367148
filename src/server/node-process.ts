import type { Logger, Runtime } from '../runtime/runtime.js';
import type { ClusterConfig, NodeConfig } from './config/config.js';

export interface RunningNode {
  stop(): Promise<void>;
  readonly addresses: { readonly http: string; readonly peer: string };
}

export function startNode(_options: {
  readonly cluster: ClusterConfig;
  readonly node: NodeConfig;
  readonly logger: Logger;
}): Promise<RunningNode> {
  return Promise.reject(new Error('this build has no node yet'));
}

export function initHistories(_options: {
  readonly cluster: ClusterConfig;
  readonly node: NodeConfig;
  readonly runtime: Runtime;
}): Promise<{ readonly keyspace: string; readonly uuid: string; readonly created: boolean }[]> {
  return Promise.reject(new Error('this build has no node yet'));
}
