import { failure, type Failure, type Result } from '../model/errors.js';
import { seqno, type KeyspaceName, type NodeId, type RegionId } from '../model/ids.js';
import { helloOf } from '../replica/sequencer-link.js';
import type { SeenLog } from '../replica/seen-log.js';
import type { Logger } from '../runtime/runtime.js';
import type { Head } from '../storage/store.js';
import type {
  JoinStatus,
  KeyspaceService,
  KeyspaceStatus,
  ReplicaState,
  TransactionState,
} from '../transaction/service.js';
import {
  decodeCertifyFromSequencer,
  encodeCertifyFromNode,
  encodeEntriesFromSource,
  type CertifyWelcome,
} from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { readMessages } from '../transport/read-messages.js';

/** Why a keyspace is not served, as it is now. */
export interface Absence {
  readonly state: Extract<ReplicaState, 'joining' | 'draining' | 'inconsistent' | 'damaged'>;
  readonly detail: string;
  readonly join: JoinStatus | undefined;
}

export interface AbsentPorts {
  readonly name: KeyspaceName;
  readonly home: RegionId;
  readonly log: KeyspaceStatus['log'];
  readonly self: NodeId;
  readonly seen: SeenLog;
  readonly logger: Logger;
  /** The copy that this node still answers for; undefined when it has none, or has given it up. */
  readonly held: Head | undefined;
  readonly absence: () => Absence;
}

type Refused = Promise<{ readonly ok: false; readonly failure: Failure }>;

/** A keyspace whose store is not open: named, and not served; the node's others are. */
export class AbsentKeyspace implements KeyspaceService {
  readonly name: KeyspaceName;
  readonly #ports: AbsentPorts;
  readonly #streams = new Set<PeerStream>();

  constructor(ports: AbsentPorts) {
    this.#ports = ports;
    this.name = ports.name;
  }

  get held(): Head | undefined {
    return this.#ports.held;
  }

  /** Tells a sequencer what this node holds, so that one that compares itself with all is not stuck; the rest is ignored. */
  acceptSequencer(stream: PeerStream, welcome: CertifyWelcome): void {
    const { self, held, seen, logger } = this.#ports;
    if (seen.accepts(welcome)) seen.heard({ position: welcome.tailPosition, seqno: welcome.tailSeqno });
    this.#streams.add(stream);
    stream.onClose(() => this.#streams.delete(stream));
    const take = (): void => {};
    readMessages(stream, decodeCertifyFromSequencer, take, logger);
    stream.send(encodeCertifyFromNode(helloOf(self, held, seen)));
  }

  refuseEntries(stream: PeerStream): void {
    const nothing = { keyspaceId: Buffer.alloc(0), position: 0, seqno: 0, hash: Buffer.alloc(32) };
    const refused = 'NODE_NOT_READY';
    stream.send(encodeEntriesFromSource({ type: 'welcome', ...nothing, refused }));
    stream.close(refused);
  }

  /** Its place is taken: sequencers dial again, and meet whatever that is. */
  leave(reason: string): void {
    for (const stream of [...this.#streams]) stream.close(reason);
  }

  status(): KeyspaceStatus {
    const { home, held, seen } = this.#ports;
    const { state, detail, join } = this.#ports.absence();
    const applied = held?.seqno ?? seqno(0);
    return {
      name: this.name,
      uuid: held?.keyspaceId,
      home,
      log: this.#ports.log,
      epoch: Math.max(seen.epoch, held?.epoch ?? 0),
      sequencer: undefined,
      state,
      detail,
      applied,
      tail: seqno(Math.max(applied, seen.tail.seqno)),
      position: held?.position ?? -1,
      stalenessMs: undefined,
      writable: false,
      openFeeds: 0,
      join,
      kept: undefined,
      check: undefined,
    };
  }

  read = (): Refused => this.#refuse('not-committed');
  list = (): Refused => this.#refuse('not-committed');
  begin = (): Refused => this.#refuse('not-committed');
  transact = (): Refused => this.#refuse('unknown');
  commit = (): Refused => this.#refuse('unknown');
  rollback = (): Refused => this.#refuse('unknown');
  stateHash = (): Refused => this.#refuse('not-committed');

  readNow(): undefined {
    return undefined;
  }

  open(): Result<never> {
    return { ok: false, failure: this.#failure() };
  }

  changes(): Result<never> {
    return { ok: false, failure: this.#failure() };
  }

  transactionState(): TransactionState {
    return { state: 'unknown' };
  }

  #failure(): Failure {
    const { state, detail } = this.#ports.absence();
    const code = state === 'joining' || state === 'draining' ? 'NODE_NOT_READY' : 'NODE_INCONSISTENT';
    return failure(code, detail, { details: { state } });
  }

  #refuse(outcome: Failure['outcome']): Refused {
    return Promise.resolve({ ok: false, failure: { ...this.#failure(), outcome } });
  }
}
