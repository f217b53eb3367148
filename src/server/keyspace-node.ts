import type { CertificationIndex } from '../certification/certification-index.js';
import { failure, type Failure } from '../model/errors.js';
import { seqno, type NodeId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { ConsistencyCheck } from '../maintenance/consistency-check.js';
import { Maintenance } from '../maintenance/maintenance.js';
import type { ToldByNode } from '../maintenance/told-by-node.js';
import { EntryFeed } from '../replica/entry-feed.js';
import { SeqnoWaiters } from '../replica/seqno-waiters.js';
import type { SeenLog } from '../replica/seen-log.js';
import { SequencerLink, type Tail } from '../replica/sequencer-link.js';
import { TailReader } from '../replica/tail-reader.js';
import { emptyIndex, recordApplied, warmIndex } from '../replica/warm-index.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { KeyspaceContext } from '../transaction/context.js';
import { LocalKeyspace } from '../transaction/keyspace-service.js';
import { PendingCommits } from '../transaction/pending-commits.js';
import { SnapshotDonor } from '../transfer/snapshot-donor.js';
import type { JoinStatus, KeptStatus, KeyspaceStatus, ReplicaState } from '../transaction/service.js';
import type { CertifyWelcome } from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { DiskStall } from './disk-stall.js';
import { KeyspaceRole, type RolePorts } from './keyspace-role.js';

export interface KeyspaceNodeOptions extends RolePorts {
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
  /** For early judgement; who takes the role takes it over, and another begins. */
  #index: CertificationIndex;
  readonly #role: KeyspaceRole;
  readonly #stall: DiskStall;
  readonly #maintenance: Maintenance;
  #draining = false;

  static async open(options: KeyspaceNodeOptions): Promise<KeyspaceNode> {
    return new KeyspaceNode(options, await warmIndex(options.store));
  }

  private constructor(options: KeyspaceNodeOptions, index: CertificationIndex) {
    const { name, self, store, runtime, seen } = options;
    this.#options = options;
    this.#index = index;
    this.store = store;
    this.#stall = new DiskStall(store, runtime.timers);
    const waiters = new SeqnoWaiters(runtime.timers, limits.causalWaitersMax, store.head.seqno);
    store.onApplied((applied) => {
      for (const one of applied) recordApplied(this.#index, one);
    });
    this.feed = new EntryFeed(store, runtime);
    this.donor = new SnapshotDonor({ keyspace: name, store, runtime });
    const successorMsMax = options.sharedLog === undefined ? 0 : limits.successorWaitMsMax;
    this.link = new SequencerLink(self, store, runtime, seen);
    const commits = new PendingCommits(this.link, store, runtime, {
      successorMsMax,
      whyNot: () => this.whyNotSequencing,
    });
    this.commits = commits;
    store.onApplied((_, head) => waiters.advance(head.seqno));
    const askTail = (): Promise<Tail | undefined> => this.link.askTailWithin(successorMsMax);
    const tails = new TailReader(askTail, runtime.timers, limits.causalWaitersMax);
    const notServing = (): Failure | undefined => this.#notServing();
    const currentIndex = (): CertificationIndex => this.#index;
    const context: KeyspaceContext = {
      ...{ name, self, store, link: this.link, commits, waiters, tails, runtime, notServing },
      get index() {
        return currentIndex();
      },
    };
    this.service = new LocalKeyspace(context, () => this.status());
    this.#role = new KeyspaceRole(options, {
      link: this.link,
      takeIndex: () => this.#takeIndex(),
      whyUnfit: () => this.#whyUnfit(),
      whyStalled: () => this.#stall.why,
    });
    this.#maintenance = this.#maintain();
  }

  #maintain(): Maintenance {
    const { self, homeNode, nodes, retention, checksEveryMs, told, runtime } = this.#options;
    const { store, commits } = this;
    return new Maintenance({
      ...{ self, nodes: nodes.map(({ id }) => id), store, commits, retention, told, runtime },
      home: this.#options.sharedLog === undefined ? homeNode : undefined,
      everyMs: checksEveryMs,
      isHome: () => this.sequencing,
      mark: () => (this.sequencing ? this.#role.sequencer?.mark() : undefined),
      onWrong: (why) => {
        this.#role.withdraw(why);
        this.donor.stop();
        this.service.onStateChange();
      },
    });
  }

  get sequencing(): boolean {
    return this.#role.sequencing;
  }

  /** What keeps this node from sequencing a log that nodes share, as far as nobody does; undefined elsewhere. */
  get whyNotSequencing(): string | undefined {
    const state = this.#role.sequencer?.state;
    if (this.#options.sharedLog === undefined || this.link.serving || state?.kind === 'serving')
      return undefined;
    return state?.why;
  }

  /** False when it does not sequence a log that nodes share. */
  forget(node: NodeId): boolean {
    return this.#role.forget(node);
  }

  get check(): ConsistencyCheck {
    return this.#maintenance.check;
  }

  start(): void {
    if (this.check.wrong !== undefined) this.#role.withdraw(this.check.wrong.why);
    this.#role.start();
  }

  /** A sequencer opens a stream. After the first it has begun anew, or the network broke: entries are followed anew too. */
  acceptSequencer(stream: PeerStream, welcome: CertifyWelcome): void {
    const isFirst = this.link.status.lastHeardMs === undefined;
    if (this.link.accept(stream, welcome)) this.#role.onSequencer(isFirst, welcome.node);
  }

  /** Not ready from now on; what is under way may end, change feeds do at once. */
  drain(): void {
    this.#draining = true;
    this.service.onStateChange();
  }

  async stop(): Promise<void> {
    const maintained = this.#maintenance.stop();
    this.#stall.stop();
    this.service.stop();
    await this.#role.stop();
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
    // Who catches up without a sequencer waits for what keeps it, and all others, from being one.
    const stalled = this.#stall.why;
    const why = store.halted ?? stalled ?? this.whyNotSequencing;
    const first = state === 'catching-up' ? why : state === 'joining' ? stalled : undefined;
    return {
      name: this.#options.name,
      uuid: store.head.keyspaceId,
      home: this.#options.home,
      log: this.#options.sharedLog === undefined ? 'embedded' : 'etcd',
      epoch: Math.max(epoch, store.head.epoch),
      sequencer: serving ? sequencer : undefined,
      state,
      detail: first ?? detail ?? why ?? whyNot,
      applied: store.head.seqno,
      tail: seqno(Math.max(tail.seqno, this.#role.follower?.tail.seqno ?? 0, store.head.seqno)),
      position: store.head.position,
      stalenessMs: link.stalenessMs,
      writable: serving && !this.#draining && store.halted === undefined && stalled === undefined,
      openFeeds: this.service.openFeeds,
      join: this.#join(),
      kept: keptOf(store),
      check: this.check.status,
    };
  }

  /** The newest way in which this node came to what it has. */
  #join(): JoinStatus | undefined {
    const catchUp = this.#role.follower?.catchUp;
    const { joined, homeNode } = this.#options;
    // The first entries after a snapshot belong to it.
    if (catchUp === undefined || (joined !== undefined && catchUp.isFirst)) return joined;
    const { why, bytes, startedMs, tookMs, done } = catchUp;
    return {
      by: 'entries',
      why,
      donor: this.#role.follower?.source ?? homeNode,
      phase: done ? 'done' : 'replaying',
      bytes,
      bytesTotal: undefined,
      bytesPerSecond: done ? 0 : Math.round((bytes * 1000) / Math.max(1, tookMs)),
      startedMs,
      heldUpBy: undefined,
    };
  }

  /** The role's own from here on. At a fixed home, which takes the role but once in a while, this node's index stays warm beside it. */
  async #takeIndex(): Promise<CertificationIndex> {
    const { store } = this;
    if (this.#options.sharedLog === undefined) return warmIndex(store);
    const index = this.#index;
    this.#index = emptyIndex(store.head.seqno);
    return index;
  }

  /** Why this node's copy must not lead a log that nodes share. */
  #whyUnfit(): string | undefined {
    const { state, detail } = this.#state();
    const isFit = state === 'synced' || state === 'catching-up' || state === 'joining';
    return isFit ? (this.store.halted ?? this.#stall.why) : (detail ?? state);
  }

  /** Whether a log that nodes share could be restored from this copy: it is whole and right, whatever the log holds now. */
  get restorable(): boolean {
    const { store, check } = this;
    if (this.#options.sharedLog === undefined || this.#draining) return false;
    return store.head.keyspaceId !== undefined && store.damage === undefined && check.wrong === undefined;
  }

  /** Why others must not take this node's copy, or undefined. */
  whyNotGive(): string | undefined {
    if (this.restorable) return undefined;
    const { state, detail } = this.#state();
    return state === 'synced' || state === 'catching-up' ? undefined : (detail ?? state);
  }

  #state(): { readonly state: ReplicaState; readonly detail: string | undefined } {
    const { store } = this;
    if (store.damage !== undefined) return { state: 'damaged', detail: store.damage };
    if (this.check.wrong !== undefined) return { state: 'inconsistent', detail: this.check.wrong.why };
    if (this.#draining) return { state: 'draining', detail: 'the node stops' };
    const following = this.sequencing ? undefined : this.#role.follower?.state;
    if (following !== undefined) {
      if (following.kind === 'joining' && store.head.position < 0)
        return { state: 'joining', detail: following.detail };
      if (following.kind === 'synced' && this.#stall.why !== undefined)
        return { state: 'catching-up', detail: this.#stall.why };
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
        const following = this.#role.follower?.state;
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
