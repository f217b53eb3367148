import { uuidToBytes, type KeyspaceName } from '../model/ids.js';
import type { Runtime } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import { encodeTransferFromDonor, type OwnCopy, type TransferHello } from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { OutgoingCopy } from './outgoing-copy.js';
import { SnapshotPins, type Pin } from './snapshot-pins.js';

export interface DonorPorts {
  readonly keyspace: KeyspaceName;
  readonly store: KeyspaceStore;
  readonly runtime: Runtime;
}

/** A transfer that the donor does not, or no longer, hold: the joiner starts over. */
export const transferGone = 'TRANSFER_GONE';

/**
 * Sends copies of a keyspace's state to joiners while the store goes on serving. Each is of one snapshot, which stays
 * pinned through breaks until it is taken; entries after it travel on the entry stream.
 */
export class SnapshotDonor {
  readonly #ports: DonorPorts;
  readonly #pins: SnapshotPins;
  #stopped = false;

  constructor(ports: DonorPorts) {
    this.#ports = ports;
    this.#pins = new SnapshotPins(ports.runtime);
  }

  /** Snapshots that are pinned now; limits.transferPinsMax at most. */
  get pins(): number {
    return this.#pins.count;
  }

  /** Serves one stream whose hello has been read. */
  serve(stream: PeerStream, hello: TransferHello): void {
    const { logger } = this.#ports.runtime;
    const { keyspace } = this.#ports;
    const ownCopy = this.#judgeOwn(hello);
    const pin = this.#pinFor(hello);
    if ('refused' in pin) {
      logger.info({ keyspace, joiner: hello.node, refused: pin.refused }, 'a joiner is refused');
      stream.send(encodeTransferFromDonor({ ...nothing, ownCopy, refused: pin.refused }));
      return stream.close(pin.refused);
    }
    const { position, seqno } = pin.snapshot.head;
    const from = { joiner: hello.node, position, seqno, chunks: hello.chunks };
    logger.info({ keyspace, ...from }, 'giving a joiner a copy');
    const onTaken = (): void => this.#pins.touch(pin);
    const onOver = (why: string): void => {
      logger.info({ keyspace, joiner: hello.node, position }, `a pinned snapshot is released: ${why}`);
      this.#pins.drop(pin, why);
    };
    const { runtime } = this.#ports;
    new OutgoingCopy({ pin, stream, hello, ownCopy, runtime, onTaken, onOver }).start();
  }

  /** Ends all transfers and releases what is pinned. */
  stop(): void {
    this.#stopped = true;
    this.#pins.dropAll('the node stops');
  }

  #pinFor(hello: TransferHello): Pin | { readonly refused: string } {
    const { store } = this.#ports;
    if (store.damage !== undefined) return { refused: 'NODE_INCONSISTENT' };
    if (this.#stopped || store.halted !== undefined || store.head.keyspaceId === undefined)
      return { refused: 'NODE_NOT_READY' };
    if (hello.transferId.length > 0) {
      const pin = this.#pins.find(hello.transferId, hello.node);
      if (pin === undefined) return { refused: transferGone };
      this.#pins.touch(pin);
      return pin;
    }
    if (!this.#pins.makeRoomFor(hello.node)) return { refused: 'OVERLOADED' };
    return this.#pins.add(hello.node, store.snapshot(), store.replaced);
  }

  #judgeOwn(hello: TransferHello): OwnCopy {
    const { head } = this.#ports.store;
    if (hello.keyspaceId.length === 0) return 'none';
    if (head.keyspaceId === undefined) return 'unknown';
    if (!uuidToBytes(head.keyspaceId).equals(hello.keyspaceId)) return 'different';
    if (hello.position > head.position) return 'unknown';
    const hash = this.#ports.store.chainHashAt(hello.position);
    if (hash === undefined) return 'unknown';
    return hash.equals(hello.hash) ? 'prefix' : 'different';
  }
}

const noBytes = Buffer.alloc(0);
const nothing = {
  type: 'welcome',
  transferId: noBytes,
  keyspaceId: noBytes,
  position: 0,
  seqno: 0,
  epoch: 0,
  hash: noBytes,
  nonce: noBytes,
  logTimeMs: 0,
  idFloorMs: 0,
  replaced: [],
  bytesEstimate: 0,
  resumed: false,
} as const;
