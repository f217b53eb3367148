import type { KeyspaceName } from '../model/ids.js';
import type { Runtime } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { TransferHello } from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';

export interface DonorPorts {
  readonly keyspace: KeyspaceName;
  readonly store: KeyspaceStore;
  readonly runtime: Runtime;
}

/** Sends copies of a keyspace's state to joiners, each from a snapshot that stays pinned until it is taken. */
export class SnapshotDonor {
  readonly #ports: DonorPorts;

  constructor(ports: DonorPorts) {
    this.#ports = ports;
  }

  /** Serves one stream whose hello has been read. */
  serve(stream: PeerStream, hello: TransferHello): void {
    void hello;
    void this.#ports;
    stream.close('not served yet');
  }

  /** Snapshots that are pinned now; limits.transferPinsMax at most. */
  get pins(): number {
    return 0;
  }

  /** Ends all transfers and releases what is pinned. */
  stop(): void {}
}
