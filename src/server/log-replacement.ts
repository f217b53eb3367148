import type { KeyspaceName, NodeId } from '../model/ids.js';
import type { FoundLog, ReplaceableLog } from '../ordering/replaceable-log.js';
import { delay, type Runtime } from '../runtime/runtime.js';
import { genesisOf } from '../storage/new-history.js';
import type { Head } from '../storage/store.js';
import { isSequencing, type PeerCopy } from './donors.js';

export interface LogReplacementPorts {
  readonly self: NodeId;
  readonly keyspace: KeyspaceName;
  readonly log: ReplaceableLog;
  /** The other nodes, and what they last said of the keyspace. */
  readonly peers: () => readonly PeerCopy[];
  readonly runtime: Runtime;
}

const lookEveryMs = 500;
/** Who holds the role for so long in one term may be serving, if he cannot be asked. */
const termMsMax = 3000;

/** A recovery's part in a log that nodes share: whether anybody serves it, and the new history that takes its place. */
export class LogReplacement {
  readonly #ports: LogReplacementPorts;

  constructor(ports: LogReplacementPorts) {
    this.#ports = ports;
  }

  /** What the log is now, or why that is not known. */
  async look(): Promise<FoundLog | string> {
    try {
      return await this.#ports.log.look();
    } catch (error) {
      return `the log that the nodes share cannot be asked: ${(error as Error).message}`;
    }
  }

  /** Why the keyspace is not to be recovered: a node serves it, as far as is known. */
  whyServed(): string | undefined {
    const sequencing = this.#ports.peers().find(isSequencing);
    return sequencing === undefined
      ? undefined
      : `the keyspace is healthy: its sequencer serves, at ${sequencing.node}`;
  }

  /**
   * The same of a node that cannot be asked, by the role that it holds in the log. Takes seconds while somebody holds it: who
   * merely tries to lead gives it up again.
   */
  async whyHeld(found: FoundLog): Promise<string | undefined> {
    const { leader } = found;
    if (leader === undefined || this.#canBeAsked(leader.node)) return undefined;
    const { timers } = this.#ports.runtime;
    for (let waitedMs = 0; waitedMs < termMsMax; waitedMs += lookEveryMs) {
      await delay(timers, lookEveryMs);
      const now = await this.look();
      if (typeof now === 'string') return now;
      if (now.leader?.term !== leader.term) return undefined;
    }
    return `${leader.node} holds the role and cannot be asked: it serves, or its lease has not run out yet`;
  }

  /** Throws when the log is not, or perhaps not, replaced. `head`: of the store that begins the new history. */
  async replace(found: FoundLog, head: Head): Promise<void> {
    const { keyspace, log } = this.#ports;
    const served = this.whyServed();
    if (served !== undefined) throw new Error(served);
    const history = { keyspaceId: head.keyspaceId!, keyspace, genesis: genesisOf(head, keyspace) };
    if ((await log.replace(found, history)) === 'changed')
      throw new Error('the log that the nodes share became that of another history meanwhile');
  }

  #canBeAsked(node: string): boolean {
    const { self, peers } = this.#ports;
    return node === self || peers().some((peer) => peer.node === node && peer.reachable);
  }
}
