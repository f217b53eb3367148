import { fail, succeed, type Result } from '../model/errors.js';
import type { KeyspaceName, NodeId } from '../model/ids.js';
import type {
  KeyspaceAdmin,
  KeyspaceStatus,
  RecoverOptions,
  Recovery,
  RecoveryPlan,
} from '../transaction/service.js';
import type { PeerCopy } from './donors.js';
import type { KeyspaceHost } from './keyspace-host.js';
import type { KeyspaceRecovery } from './recovery.js';

/** What operators ask about one keyspace of this node, served or not. */
export class HostAdmin implements KeyspaceAdmin {
  readonly name: KeyspaceName;
  readonly #host: KeyspaceHost;
  readonly #recovery: KeyspaceRecovery;
  readonly #peers: () => readonly PeerCopy[];

  /** `peers`: the other nodes. */
  constructor(host: KeyspaceHost, recovery: KeyspaceRecovery, peers: () => readonly PeerCopy[]) {
    this.name = host.name;
    this.#host = host;
    this.#recovery = recovery;
    this.#peers = peers;
  }

  status(): KeyspaceStatus {
    return this.#host.service.status();
  }

  setAside(): Promise<readonly string[]> {
    return this.#host.place.setAside();
  }

  rejoin(): Promise<Result<{ readonly setAside: undefined }>> {
    return this.#host.rejoin();
  }

  planRecovery(options: RecoverOptions): Promise<Result<RecoveryPlan>> {
    return this.#recovery.plan(options);
  }

  recover(options: RecoverOptions): Promise<Result<Recovery>> {
    return this.#recovery.recover(options);
  }

  check(): Promise<Result<{ readonly mark: string; readonly position: number }>> {
    const { node } = this.#host;
    if (node === undefined) {
      const { state } = this.status();
      return Promise.resolve(fail('OPERATION_REFUSED', `the keyspace is not served here: it is ${state}`));
    }
    return node.check.check();
  }

  forgetNode(node: NodeId): Promise<Result<{ readonly forgotten: NodeId }>> {
    const refusal = this.#whyNotForget(node);
    if (refusal !== undefined) return Promise.resolve(fail('OPERATION_REFUSED', refusal));
    return Promise.resolve(succeed({ forgotten: node }));
  }

  /** Undefined when it is forgotten. */
  #whyNotForget(node: NodeId): string | undefined {
    const { log, sequencer } = this.status();
    if (log === 'embedded')
      return "the log of this keyspace is its home's own store: it waits for no other node";
    if (this.#host.node?.sequencing !== true) {
      const where = sequencer === undefined ? 'none that is known does' : `ask ${sequencer}, which does`;
      return `this node does not sequence the keyspace now: ${where}`;
    }
    const peer = this.#peers().find((one) => one.node === node);
    if (peer === undefined) return `${node} sequences the keyspace: it is not gone`;
    if (peer.reachable) return `${node} can be reached: it is not gone`;
    return this.#host.node.forget(node) ? undefined : 'this node has just lost the role: ask again';
  }
}
