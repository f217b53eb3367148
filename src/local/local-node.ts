import { exchange } from '../client/http.js';
import type { NodeId, RegionId } from '../model/ids.js';
import type { Runtime } from '../runtime/runtime.js';
import { httpUrl } from '../server/config/address.js';
import type { ClusterNode } from '../server/config/config.js';
import { SupervisedProcess, type ProcessEvent } from './supervised-process.js';

export interface LocalNodeOptions {
  readonly node: ClusterNode;
  /** The `meridian` script. */
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly runtime: Runtime;
  /** Whether a node that dies unasked is started again. */
  readonly restart: boolean;
  readonly onEvent: (event: ProcessEvent) => void;
}

/** One node of a local cluster. */
export class LocalNode extends SupervisedProcess {
  readonly id: NodeId;
  readonly region: RegionId;
  readonly httpUrl: string;
  readonly #runtime: Runtime;

  constructor({ node, program, args, ...options }: LocalNodeOptions) {
    super({
      ...options,
      name: node.id,
      command: [process.execPath, program, ...args],
      ipc: true,
      serves: (run) => run.started,
    });
    this.id = node.id;
    this.region = node.region;
    this.httpUrl = httpUrl(node.http);
    this.#runtime = options.runtime;
  }

  /** Undefined when the node would take requests for this purpose in every keyspace; else why not. */
  async notReady(purpose: 'read' | 'write'): Promise<string | undefined> {
    const question = { method: 'GET', path: '/readyz', query: { for: purpose }, timeoutMs: 2000 } as const;
    const outcome = await exchange({ url: this.httpUrl }, question, this.#runtime.timers);
    switch (outcome.kind) {
      case 'answer':
        return undefined;
      case 'problem':
        return `${outcome.detail} ${JSON.stringify(outcome.fields['keyspaces'] ?? '')}`;
      case 'unreachable':
      case 'no-answer':
        return outcome.message;
    }
  }
}
