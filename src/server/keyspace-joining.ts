import type { KeyspaceName, NodeId } from '../model/ids.js';
import { delay, type Runtime } from '../runtime/runtime.js';
import { openKeyspaceStore } from '../storage/keyspace-store.js';
import type { StorePlace } from '../storage/store-place.js';
import type { Head } from '../storage/store.js';
import type { JoinStatus } from '../transaction/service.js';
import { SnapshotJoiner, type DonorCandidate, type Joined } from '../transfer/snapshot-joiner.js';
import type { PeerTransport } from '../transport/peer-transport.js';

export interface JoiningPorts {
  readonly keyspace: KeyspaceName;
  readonly self: NodeId;
  readonly place: StorePlace;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
  /** For the operator. */
  readonly why: string;
  /** The copy that is to be replaced, closed; undefined when there is none, or it is damaged. */
  readonly own: Head | undefined;
  /** An operator gave the copy up: it is replaced whatever it is, and set aside. */
  readonly ordered: boolean;
  readonly donors: () => readonly DonorCandidate[];
  /** What is done to the incoming copy before it takes the place; the head that it then has. */
  readonly prepare?: (place: StorePlace) => Promise<Head>;
}

export type JoiningEnd =
  | {
      readonly kind: 'joined';
      readonly head: Head;
      readonly status: JoinStatus;
      readonly setAside: string | undefined;
    }
  | { readonly kind: 'different'; readonly donor: NodeId }
  | { readonly kind: 'stopped' };

const retryMs = 1000;

/** Brings a copy of a keyspace from another node and puts it in the place of this node's own, which is closed meanwhile. */
export class KeyspaceJoining {
  readonly #ports: JoiningPorts;
  readonly #startedMs: number;
  #joiner: SnapshotJoiner;
  #heldUpBy: string | undefined;
  #stopped = false;
  #onStop: () => void = () => {};
  readonly #whenStopped = new Promise<void>((resolve) => (this.#onStop = resolve));

  constructor(ports: JoiningPorts) {
    this.#ports = ports;
    this.#startedMs = ports.runtime.clock.nowMs();
    this.#joiner = this.#newJoiner();
  }

  get status(): JoinStatus {
    const { progress } = this.#joiner;
    const heldUpBy = this.#heldUpBy ?? progress.heldUpBy;
    return { by: 'snapshot', why: this.#ports.why, ...progress, startedMs: this.#startedMs, heldUpBy };
  }

  /** Goes on until the copy is in its place, for as long as it takes: a disk that is full may have room again. */
  async run(): Promise<JoiningEnd> {
    const { logger } = this.#ports.runtime;
    while (!this.#stopped) {
      try {
        const end = await this.#joinOnce();
        if (end !== undefined) return end;
      } catch (error) {
        logger.error({ error }, 'the copy could not be brought in; trying again');
        await this.#pause(String(error));
        this.#joiner = this.#newJoiner();
      }
    }
    return { kind: 'stopped' };
  }

  /** What is there stays, for the next life to go on with. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#onStop();
    await this.#joiner.stop();
  }

  #newJoiner(): SnapshotJoiner {
    const { own, ordered, prepare, keyspace, self, place, donors, transport, runtime } = this.#ports;
    const { keyspaceId } = own ?? {};
    const copy =
      own === undefined || keyspaceId === undefined
        ? undefined
        : { keyspaceId, position: own.position, hash: own.chainHash };
    const ports = { keyspace, self, place, donors, transport, runtime };
    // That would be noted in the copy, and a recovery that a crash cut off leaves the own one as it was.
    const mayReplaceDifferent = ordered && prepare === undefined;
    return new SnapshotJoiner({ ...ports, own: copy, mayReplaceDifferent });
  }

  async #joinOnce(): Promise<JoiningEnd | undefined> {
    const { place, prepare } = this.#ports;
    const joined = await this.#joiner.run();
    if (joined === undefined) return undefined;
    if ('refused' in joined) return { kind: 'different', donor: joined.donor };
    const head = (await prepare?.(place)) ?? joined.head;
    const exchanged = await this.#exchange(head, this.#isKept(joined));
    if (exchanged === undefined) return undefined;
    const { bytes, bytesTotal } = this.status;
    const done = { phase: 'done', bytes, bytesTotal, bytesPerSecond: 0, heldUpBy: undefined } as const;
    const status = { ...this.status, ...done, donor: joined.donor };
    return { kind: 'joined', head, status, setAside: exchanged.name };
  }

  /** Only a copy that the donor's history goes through may be removed, and none that an operator gave up. */
  #isKept({ ownCopy }: Joined): boolean {
    return this.#ports.ordered || (ownCopy !== 'prefix' && ownCopy !== 'none');
  }

  /** Undefined when it was stopped before. One that failed may have been done all the same. */
  async #exchange(head: Head, setAside: boolean): Promise<{ readonly name: string | undefined } | undefined> {
    const { place, runtime } = this.#ports;
    while (!this.#stopped) {
      try {
        return { name: await place.exchange({ setAside }) };
      } catch (error) {
        runtime.logger.error({ error }, 'the copy could not take its place; trying again');
        await this.#pause(String(error));
        if (await this.#isInPlace(head))
          return { name: setAside ? (await place.setAside()).at(-1) : undefined };
      }
    }
    return undefined;
  }

  async #isInPlace(head: Head): Promise<boolean> {
    const { place, runtime } = this.#ports;
    try {
      const store = await openKeyspaceStore(() => place.openCurrent(), runtime.logger);
      const { keyspaceId, chainHash } = store.head;
      await store.close();
      return keyspaceId === head.keyspaceId && chainHash.equals(head.chainHash);
    } catch {
      return false;
    }
  }

  async #pause(heldUpBy: string): Promise<void> {
    this.#heldUpBy = heldUpBy;
    await Promise.race([delay(this.#ports.runtime.timers, retryMs), this.#whenStopped]);
    this.#heldUpBy = undefined;
  }
}
