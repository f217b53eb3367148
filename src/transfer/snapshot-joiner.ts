import type { KeyspaceId, KeyspaceName, NodeId } from '../model/ids.js';
import type { Runtime } from '../runtime/runtime.js';
import type { StorePlace } from '../storage/store-place.js';
import type { Head } from '../storage/store.js';
import type { OwnCopy } from '../transport/messages.js';
import type { PeerTransport } from '../transport/peer-transport.js';
import type { TransferStatus } from './transfer-status.js';

/** A node that could give a copy, as it last said of itself. */
export interface DonorCandidate {
  readonly node: NodeId;
  readonly keyspaceId: KeyspaceId;
  readonly position: number;
}

export interface JoinerPorts {
  readonly keyspace: KeyspaceName;
  readonly self: NodeId;
  readonly place: StorePlace;
  /** In order of preference; asked anew for each attempt. */
  readonly donors: () => readonly DonorCandidate[];
  /** This node's older copy; undefined when it has none. */
  readonly own:
    { readonly keyspaceId: KeyspaceId; readonly position: number; readonly hash: Buffer } | undefined;
  /** Whether a copy is taken although the donor says that the own one is of another history. */
  readonly mayReplaceDifferent: boolean;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
}

export interface Joined {
  readonly donor: NodeId;
  readonly head: Head;
  readonly ownCopy: OwnCopy;
}

/** The own copy is of another history than the donor's, and may not be replaced: nothing was copied. */
export interface JoinRefused {
  readonly refused: 'different';
  readonly donor: NodeId;
}

/** Brings a keyspace's copy from a donor into the incoming place of this node. */
export class SnapshotJoiner {
  readonly #ports: JoinerPorts;

  constructor(ports: JoinerPorts) {
    this.#ports = ports;
  }

  get progress(): TransferStatus {
    const startedMs = this.#ports.runtime.clock.nowMs();
    const nothing = { bytes: 0, bytesTotal: undefined, bytesPerSecond: 0, heldUpBy: undefined };
    return { donor: undefined, phase: 'choosing-donor', startedMs, ...nothing };
  }

  /**
   * Resolves when the incoming copy is verified, replayed and closed; tries for as long as it takes, with back-off, also with
   * other donors. Undefined when it was stopped. Called once.
   */
  async run(): Promise<Joined | JoinRefused | undefined> {
    return undefined;
  }

  /** Resolves when nothing is written any more. What has been copied stays, for the next joiner to go on with. */
  async stop(): Promise<void> {}
}
