import type { CertificationIndex } from '../certification/certification-index.js';
import type { KeyspaceName, NodeId, RegionId } from '../model/ids.js';
import type { Retention } from '../model/retention.js';
import { EmbeddedLog } from '../ordering/embedded/embedded-log.js';
import type { OrderedLog } from '../ordering/ordered-log.js';
import { Follower, type FollowerPorts } from '../replica/follower.js';
import type { SequencerLink } from '../replica/sequencer-link.js';
import { delay, every, type Cancel, type Runtime } from '../runtime/runtime.js';
import { Sequencer } from '../sequencer/sequencer.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { PeerTransport } from '../transport/peer-transport.js';
import { Candidate } from './candidate.js';
import type { PeerCopy } from './donors.js';
import { betterPlaced } from './preference.js';

export interface RolePorts {
  readonly name: KeyspaceName;
  readonly home: RegionId;
  /** The node whose store is the log; with a log that the nodes share, the one that is preferred as its sequencer. */
  readonly homeNode: NodeId;
  /** One candidate's view of the log that the nodes share; undefined: the store of the home node is the log. */
  readonly sharedLog?: (() => OrderedLog) | undefined;
  readonly self: NodeId;
  /** Of the keyspace, this one included, in the cluster file's order. */
  readonly nodes: readonly { readonly id: NodeId; readonly region: RegionId }[];
  /** The other nodes, and what they last said of the keyspace. */
  readonly peers: () => readonly PeerCopy[];
  readonly store: KeyspaceStore;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
  /** Whom the home of an embedded log compares histories with before it leads. */
  readonly compare: 'reachable' | 'all';
  /** Why this node must not lead now. */
  readonly obstacle: () => string | undefined;
  readonly clockCompared: (node: NodeId) => boolean;
  readonly retention: Retention;
  /** Entries alone do not bring this node up to its source. */
  readonly takeSnapshot: FollowerPorts['takeSnapshot'];
}

/** What the role needs of the node's other parts. */
export interface RoleParts {
  readonly link: SequencerLink;
  /** An index of the store's recent commits, given away. */
  readonly takeIndex: () => Promise<CertificationIndex>;
  /** Why this node's copy must not lead. */
  readonly whyUnfit: () => string | undefined;
  /** Why what is in flight here does not end: its disk hangs. */
  readonly whyStalled: () => string | undefined;
}

/** What is in flight when the node stops has so long to be decided. */
const decideMsMax = 1500;
const lookHomeMs = 500;
/** A node of the home region is as good a sequencer for so long before the role returns to it. */
const steadyMs = 5000;
/** Between two attempts to give the role back, at first; twice as long after each that came to nothing. */
const returnEveryMsMin = 30_000;
const returnEveryMsMax = 600_000;

/** A node's part in the order of a keyspace: it sequences, it follows, or, where nodes share the log, the one or the other. */
export class KeyspaceRole {
  readonly log: OrderedLog | undefined;
  readonly sequencer: Sequencer | undefined;
  readonly follower: Follower | undefined;
  readonly #candidate: Candidate | undefined;
  readonly #ports: RolePorts;
  readonly #link: SequencerLink;
  readonly #whyUnfit: RoleParts['whyUnfit'];
  readonly #whyStalled: RoleParts['whyStalled'];
  #cancelLooking: Cancel = () => {};
  #betterSinceMs: number | undefined;
  #returnAfterMs = -Infinity;
  #returnEveryMs = returnEveryMsMin;

  constructor(ports: RolePorts, { link, takeIndex, whyUnfit, whyStalled }: RoleParts) {
    this.#ports = ports;
    this.#link = link;
    this.#whyUnfit = whyUnfit;
    this.#whyStalled = whyStalled;
    const { name, self, homeNode, sharedLog, store, runtime } = ports;
    const isFixedHome = sharedLog === undefined && self === homeNode;
    const source = (): NodeId | undefined => (sharedLog === undefined ? homeNode : link.status.sequencer);
    if (!isFixedHome) this.follower = new Follower({ ...ports, keyspace: name, source });
    if (sharedLog === undefined && !isFixedHome) return;
    const log = sharedLog?.() ?? new EmbeddedLog(store, runtime);
    this.log = log;
    const candidate =
      this.follower === undefined
        ? undefined
        : new Candidate({ ...ports, log, link, follower: this.follower, whyUnfit });
    this.#candidate = candidate;
    this.sequencer = new Sequencer({
      ...ports,
      keyspace: name,
      nodes: ports.nodes.map(({ id }) => id),
      log,
      warmIndex: takeIndex,
      candidacy: candidate,
    });
  }

  get sequencing(): boolean {
    return this.sequencer?.state.kind === 'serving';
  }

  start(): void {
    this.sequencer?.start();
    this.follower?.start();
    if (this.#candidate !== undefined)
      this.#cancelLooking = every(this.#ports.runtime.timers, lookHomeMs, () => this.#lookHome());
  }

  async stop(): Promise<void> {
    this.#cancelLooking();
    this.#candidate?.stop();
    const stopped = Promise.all([this.sequencer?.stop(), this.follower?.stop()]);
    // A log that nodes share may be out of reach; the embedded one is not, and ends its retries at once.
    if (this.#candidate !== undefined)
      await Promise.race([stopped, delay(this.#ports.runtime.timers, decideMsMax)]);
    await this.log?.close();
    await stopped;
  }

  /** A sequencer has opened a stream to this node. */
  onSequencer(isFirst: boolean, sequencer: string): void {
    const isOther = this.follower?.source !== sequencer;
    if (!isFirst || isOther) this.follower?.redial();
    if (sequencer !== this.#ports.self) this.sequencer?.onOther();
  }

  /** This node's copy is wrong: its sequencer says no more of the log. Where another node can take the role, it shall. */
  withdraw(why: string): void {
    if (this.#candidate === undefined) this.sequencer?.halt(why);
    else this.sequencer?.handOver(why);
  }

  /** False when the log is of one node alone, or this node does not sequence. */
  forget(node: NodeId): boolean {
    if (this.#candidate === undefined || !this.sequencing) return false;
    this.#candidate.forget(node);
    return true;
  }

  /** Another node has the role, in the home region: it has returned, or it never left. */
  #isAtHome(): boolean {
    const { nodes, home, self } = this.#ports;
    const { sequencer } = this.#link.status;
    const isOther = sequencer !== self && this.#link.serving;
    return isOther && nodes.some(({ id, region }) => id === sequencer && region === home);
  }

  /** The role returns to the home region, when a node of it has been fit for a while. */
  #lookHome(): void {
    const { store, peers, runtime } = this.#ports;
    const nowMs = runtime.clock.monotonicMs();
    if (this.#isAtHome()) {
      this.#returnEveryMs = returnEveryMsMin;
      this.#returnAfterMs = -Infinity;
    }
    const stalled = this.#whyStalled();
    if (stalled !== undefined) return this.sequencer?.giveUp(stalled);
    const unfit = this.sequencing ? this.#whyUnfit() : undefined;
    if (unfit !== undefined) return this.sequencer?.handOver(unfit);
    const better = this.sequencing ? betterPlaced(this.#ports, store.head, peers()) : undefined;
    if (better === undefined) {
      this.#betterSinceMs = undefined;
      return;
    }
    this.#betterSinceMs ??= nowMs;
    if (nowMs - this.#betterSinceMs < steadyMs || nowMs < this.#returnAfterMs) return;
    this.#betterSinceMs = undefined;
    this.#returnAfterMs = nowMs + this.#returnEveryMs;
    this.#returnEveryMs = Math.min(2 * this.#returnEveryMs, returnEveryMsMax);
    this.sequencer?.handOver(`${better}, of the home region, takes the role`);
  }
}
