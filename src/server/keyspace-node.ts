import { failure, type Failure } from '../model/errors.js';
import { seqno, type KeyspaceName, type NodeId, type RegionId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { Retention } from '../model/retention.js';
import type { ConsistencyCheck } from '../maintenance/consistency-check.js';
import { Maintenance } from '../maintenance/maintenance.js';
import type { ToldByNode } from '../maintenance/told-by-node.js';
import { EmbeddedLog } from '../ordering/embedded/embedded-log.js';
import { EntryFeed } from '../replica/entry-feed.js';
import { Follower, type FollowerPorts } from '../replica/follower.js';
import { SeqnoWaiters } from '../replica/seqno-waiters.js';
import type { SeenLog } from '../replica/seen-log.js';
import { SequencerLink } from '../replica/sequencer-link.js';
import { TailReader } from '../replica/tail-reader.js';
import { recordApplied, warmIndex } from '../replica/warm-index.js';
import type { Runtime } from '../runtime/runtime.js';
import { Sequencer } from '../sequencer/sequencer.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { KeyspaceContext } from '../transaction/context.js';
import { LocalKeyspace } from '../transaction/keyspace-service.js';
import { PendingCommits } from '../transaction/pending-commits.js';
import { SnapshotDonor } from '../transfer/snapshot-donor.js';
import type { JoinStatus, KeptStatus, KeyspaceStatus, ReplicaState } from '../transaction/service.js';
import type { CertifyWelcome } from '../transport/messages.js';
import type { PeerStream, PeerTransport } from '../transport/peer-transport.js';

export interface KeyspaceNodeOptions {
  readonly name: KeyspaceName;
  readonly home: RegionId;
  /** The node whose store is the log. */
  readonly homeNode: NodeId;
  readonly self: NodeId;
  readonly nodes: readonly NodeId[];
  readonly store: KeyspaceStore;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
  /** Whom the home compares histories with before it leads, and why this node must not lead now. */
  readonly compare: 'reachable' | 'all';
  readonly obstacle: () => string | undefined;
  readonly clockCompared: (node: NodeId) => boolean;
  readonly retention: Retention;
  /** ms between two consistency checks of the schedule; 0: none. */
  readonly checksEveryMs: number;
  /** What the other nodes told of this keyspace. */
  readonly told: () => readonly ToldByNode[];
  /** What was seen of the log before this life of the keyspace. */
  readonly seen: SeenLog;
  /** Why the store is not trusted to be the newest that this node had, or undefined. */
  readonly suspicion: string | undefined;
  /** How this node came to its copy, when it was by a transfer. */
  readonly joined: JoinStatus | undefined;
  /** Entries alone do not bring this node up to its source. */
  readonly takeSnapshot: FollowerPorts['takeSnapshot'];
}

/** Everything that one node runs for one keyspace, wired together. */
export class KeyspaceNode {
  readonly service: LocalKeyspace;
  readonly feed: EntryFeed;
  readonly donor: SnapshotDonor;
  readonly link: SequencerLink;
  readonly commits: PendingCommits;
  readonly store: KeyspaceStore;
  readonly #options: KeyspaceNodeOptions;
  readonly #log: EmbeddedLog | undefined;
  readonly #sequencer: Sequencer | undefined;
  readonly #follower: Follower | undefined;
  readonly #maintenance: Maintenance;
  #draining = false;

  static async open(options: KeyspaceNodeOptions): Promise<KeyspaceNode> {
    return new KeyspaceNode(options, await warmIndex(options.store));
  }

  private constructor(options: KeyspaceNodeOptions, index: KeyspaceContext['index']) {
    const { name, self, homeNode, store, runtime, transport, seen, takeSnapshot } = options;
    this.#options = options;
    this.store = store;
    const waiters = new SeqnoWaiters(runtime.timers, limits.causalWaitersMax, store.head.seqno);
    store.onApplied((applied) => {
      for (const one of applied) recordApplied(index, one);
    });
    this.feed = new EntryFeed(store, runtime);
    this.donor = new SnapshotDonor({ keyspace: name, store, runtime });
    this.link = new SequencerLink(self, store, runtime, seen);
    const commits = new PendingCommits(this.link, store, runtime);
    this.commits = commits;
    store.onApplied((_, head) => waiters.advance(head.seqno));
    const tails = new TailReader(() => this.link.askTail(), runtime.timers, limits.causalWaitersMax);
    const notServing = (): Failure | undefined => this.#notServing();
    const context = {
      name,
      self,
      store,
      link: this.link,
      commits,
      index,
      waiters,
      tails,
      runtime,
      notServing,
    };
    this.service = new LocalKeyspace(context, () => this.status());
    if (self === homeNode) {
      this.#log = new EmbeddedLog(store, runtime);
      const ports = { ...options, keyspace: name, log: this.#log };
      this.#sequencer = new Sequencer({ ...ports, warmIndex: () => warmIndex(store) });
    } else {
      const ports = { keyspace: name, self, source: homeNode, store, transport, runtime, takeSnapshot };
      this.#follower = new Follower(ports);
    }
    this.#maintenance = this.#maintain();
  }

  #maintain(): Maintenance {
    const { self, homeNode, nodes, retention, checksEveryMs, told, runtime } = this.#options;
    const { store, commits } = this;
    return new Maintenance({
      ...{ self, nodes, store, commits, retention, told, runtime },
      home: homeNode,
      everyMs: checksEveryMs,
      isHome: () => this.sequencing,
      mark: () => (this.sequencing ? this.#sequencer?.mark() : undefined),
      onWrong: (why) => {
        this.#sequencer?.halt(why);
        this.donor.stop();
        this.service.onStateChange();
      },
    });
  }

  get sequencing(): boolean {
    return this.#sequencer?.state.kind === 'serving';
  }

  get check(): ConsistencyCheck {
    return this.#maintenance.check;
  }

  start(): void {
    if (this.check.wrong !== undefined) this.#sequencer?.halt(this.check.wrong.why);
    this.#sequencer?.start();
    this.#follower?.start();
  }

  /** A sequencer opens a stream. After the first it has begun anew, or the network broke: entries are followed anew too. */
  acceptSequencer(stream: PeerStream, welcome: CertifyWelcome): void {
    const isFirst = this.link.status.lastHeardMs === undefined;
    this.link.accept(stream, welcome);
    if (!isFirst) this.#follower?.redial();
  }

  /** Not ready from now on; what is under way may end, change feeds do at once. */
  drain(): void {
    this.#draining = true;
    this.service.onStateChange();
  }

  async stop(): Promise<void> {
    const maintained = this.#maintenance.stop();
    this.service.stop();
    await Promise.all([this.#sequencer?.stop(), this.#follower?.stop(), this.#log?.close()]);
    this.link.stop();
    this.feed.stop();
    this.donor.stop();
    await maintained;
    await this.store.close();
  }

  status(): KeyspaceStatus {
    const { store, link } = this;
    const { sequencer, epoch, serving, whyNot, tail } = link.status;
    const { state, detail } = this.#state();
    return {
      name: this.#options.name,
      uuid: store.head.keyspaceId,
      home: this.#options.home,
      log: 'embedded',
      epoch: Math.max(epoch, store.head.epoch),
      sequencer: serving ? sequencer : undefined,
      state,
      detail: detail ?? store.halted ?? whyNot,
      applied: store.head.seqno,
      tail: seqno(Math.max(tail.seqno, this.#follower?.tail.seqno ?? 0, store.head.seqno)),
      position: store.head.position,
      stalenessMs: link.stalenessMs,
      writable: serving && !this.#draining && store.halted === undefined,
      openFeeds: this.service.openFeeds,
      join: this.#join(),
      kept: keptOf(store),
      check: this.check.status,
    };
  }

  /** The newest way in which this node came to what it has. */
  #join(): JoinStatus | undefined {
    const catchUp = this.#follower?.catchUp;
    const { joined, homeNode } = this.#options;
    // The first entries after a snapshot belong to it.
    if (catchUp === undefined || (joined !== undefined && catchUp.isFirst)) return joined;
    const { why, bytes, startedMs, tookMs, done } = catchUp;
    return {
      by: 'entries',
      why,
      donor: homeNode,
      phase: done ? 'done' : 'replaying',
      bytes,
      bytesTotal: undefined,
      bytesPerSecond: done ? 0 : Math.round((bytes * 1000) / Math.max(1, tookMs)),
      startedMs,
      heldUpBy: undefined,
    };
  }

  /** Why others must not take this node's copy, or undefined. */
  whyNotGive(): string | undefined {
    const { state, detail } = this.#state();
    return state === 'synced' || state === 'catching-up' ? undefined : (detail ?? state);
  }

  #state(): { readonly state: ReplicaState; readonly detail: string | undefined } {
    const { store } = this;
    if (store.damage !== undefined) return { state: 'damaged', detail: store.damage };
    if (this.check.wrong !== undefined) return { state: 'inconsistent', detail: this.check.wrong.why };
    if (this.#draining) return { state: 'draining', detail: 'the node stops' };
    const following = this.#follower?.state;
    if (following !== undefined) {
      if (following.kind === 'joining' && store.head.position < 0)
        return { state: 'joining', detail: following.detail };
      return { state: following.kind, detail: following.kind === 'synced' ? undefined : following.detail };
    }
    if (store.head.position < 0) return { state: 'no-history', detail: this.#noHistory() };
    return { state: 'synced', detail: undefined };
  }

  /** What to do at a home without a history: one that was lost must not be begun a second time. */
  #noHistory(): string {
    const { name, told, suspicion } = this.#options;
    const holder = told().find(({ keyspaceId }) => keyspaceId !== undefined);
    if (holder === undefined && suspicion === undefined) return 'no history: run meridian init on this node';
    const why = holder === undefined ? suspicion : `${holder.node} holds the history ${holder.keyspaceId}`;
    return `this store has no history, and ${why}: run meridian recover ${name}`;
  }

  #notServing(): Failure | undefined {
    const { state, detail } = this.#state();
    switch (state) {
      case 'synced':
      case 'catching-up':
        return undefined;
      case 'joining':
      case 'no-history':
      case 'draining':
        return failure('NODE_NOT_READY', detail ?? `the node is ${state}`, { details: { state } });
      case 'inconsistent':
      case 'damaged': {
        const following = this.#follower?.state;
        const sinceMs =
          this.check.wrong?.sinceMs ?? (following?.kind === 'inconsistent' ? following.sinceMs : undefined);
        const since = sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() };
        const details = { state, ...since };
        return failure('NODE_INCONSISTENT', detail ?? 'the node stopped serving', { details });
      }
    }
  }
}

function keptOf({ kept, head }: KeyspaceStore): KeptStatus {
  const { oldestPosition, entriesBytes, outcomes, outcomesBytes } = kept;
  return { oldestPosition, entriesBytes, outcomes, outcomesBytes, idFloorMs: head.idFloorMs };
}
