import { decodeEntryHeader, isMark } from '../model/entry.js';
import { logPosition, type KeyspaceId, type NodeId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { noHistory } from '../ordering/genesis.js';
import type { LogTail, OrderedLog } from '../ordering/ordered-log.js';
import type { Follower } from '../replica/follower.js';
import type { SequencerLink } from '../replica/sequencer-link.js';
import type { Runtime } from '../runtime/runtime.js';
import type { Candidacy } from '../sequencer/candidacy.js';
import { EntriesDoNotFollow, type KeyspaceStore } from '../storage/store.js';
import type { PeerTransport } from '../transport/peer-transport.js';
import { historyOf, type PeerCopy } from './donors.js';
import { heldElsewhere, inOrderOfPreference, type Preference } from './preference.js';

export interface CandidatePorts extends Preference {
  readonly log: OrderedLog;
  readonly store: KeyspaceStore;
  readonly link: SequencerLink;
  readonly follower: Follower;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
  /** The other nodes, and what they last said of the keyspace. */
  readonly peers: () => readonly PeerCopy[];
  readonly clockCompared: (node: NodeId) => boolean;
  /** Why this node's copy must not lead: damaged, inconsistent, the node stops. */
  readonly whyUnfit: () => string | undefined;
  /** The log no longer keeps what this store needs next: it takes a snapshot. */
  readonly takeSnapshot: (why: string, history: KeyspaceId | undefined) => void;
}

/** Each place behind in the order of preference waits for so much longer: when a sequencer was lost, and when all nodes start. */
const rankMs = 200;
const rankAtStartMs = 1000;
/** The role is asked for at most this often, as long as it is held; the first in the order asks more often. */
const askEveryMs = 250;
const firstAsksEveryMs = 100;
/** For so long a node that has started waits to compare itself with every other. */
const compareMs = 5000;
/** A sequencer that was not heard of for so long, three heartbeats, is taken for lost. */
const silentMsMax = 1500;
const lookForSilenceMs = 250;
const unfitMs = 500;
const evictEveryMs = 30_000;
const readBytes = 2 * limits.feedReadBytesMax;

/** A node's part in a role that any node of the keyspace may take: when it stands, what it does when it has won or lost. */
export class Candidate implements Candidacy {
  readonly #ports: CandidatePorts;
  readonly #startedMs: number;
  readonly #forgotten = new Set<string>();
  readonly #evictAgainMs = new Map<NodeId, number>();
  #askedMs = -Infinity;
  #stopped = false;
  #endPause: () => void = () => {};

  constructor(ports: CandidatePorts) {
    this.#ports = ports;
    this.#startedMs = ports.runtime.clock.monotonicMs();
    ports.link.onLost = () => this.#endPause();
  }

  stop(): void {
    this.#stopped = true;
    this.#endPause();
  }

  async mayStand(): Promise<string | undefined> {
    const { link, whyUnfit, runtime } = this.#ports;
    while (this.#isServed() && !this.#stopped) await this.#pause(lookForSilenceMs);
    const sinceMs = runtime.clock.monotonicMs();
    const wasLost = link.status.lastHeardMs !== undefined;
    for (;;) {
      if (this.#stopped) return 'the node stops';
      if (this.#isServed()) return `${link.status.sequencer} sequences`;
      await this.#recoverStore();
      const why = whyUnfit() ?? this.#whyTooEarly();
      if (why !== undefined) {
        await this.#pause(Math.min(unfitMs, rankMs));
        return why;
      }
      const place = this.#place();
      const askMs = this.#askedMs + (place === 0 ? firstAsksEveryMs : askEveryMs);
      const waitMs =
        Math.max(sinceMs + place * (wasLost ? rankMs : rankAtStartMs), askMs) - runtime.clock.monotonicMs();
      if (waitMs <= 0) break;
      await this.#pause(Math.min(waitMs, rankMs));
    }
    this.#askedMs = runtime.clock.monotonicMs();
    return undefined;
  }

  /** A sequencer whose process hangs leaves its stream open; asking etcd for its role costs little and is safe. */
  #isServed(): boolean {
    const { serving, stalenessMs } = this.#ports.link;
    return serving && (stalenessMs ?? 0) < silentMsMax;
  }

  /** A follower recovers the store that it applies to; who has nobody to follow would be halted for ever. */
  async #recoverStore(): Promise<void> {
    const { store, runtime } = this.#ports;
    if (store.halted === undefined || store.damage !== undefined) return;
    await store.recover().catch((error: unknown) => {
      runtime.logger.error({ error }, 'the store cannot be reopened');
    });
  }

  #place(): number {
    const { self, peers, link, store } = this.#ports;
    const gone = link.status.sequencer;
    return inOrderOfPreference(this.#ports, peers(), gone, store.head.position).indexOf(self);
  }

  /**
   * The last sequencer, when its machine says that its process does not run; and this node itself: what held the role was an
   * earlier life of it. Not the same one again for a while: a network that lies must not make the role wander.
   */
  async gone(): Promise<NodeId | undefined> {
    const { self, link, transport, runtime } = this.#ports;
    const { sequencer } = link.status;
    if (sequencer === undefined || sequencer === self) return self;
    const nowMs = runtime.clock.monotonicMs();
    if (nowMs < (this.#evictAgainMs.get(sequencer) ?? -Infinity)) return undefined;
    if ((await transport.isDown?.(sequencer)) !== true) return undefined;
    this.#evictAgainMs.set(sequencer, nowMs + evictEveryMs);
    return sequencer;
  }

  async takeOver(): Promise<string | undefined> {
    const { follower, store, log, peers, whyUnfit } = this.#ports;
    await follower.pause();
    await store.recover();
    const tail = await log.tail(logPosition(Math.max(0, store.head.position)));
    const why = (await this.#readTo(tail)) ?? this.#whyOtherLog(tail);
    if (why !== undefined) return why;
    follower.joined();
    const ahead = peers().find(
      ({ said }) => historyOf(said) === store.head.keyspaceId && said!.position > tail.position,
    );
    return ahead === undefined
      ? whyUnfit()
      : `the log was set back: ${ahead.node} holds position ${ahead.said!.position}, the log ends at ${tail.position}`;
  }

  follow(why: string): void {
    if (this.#stopped) return;
    this.#ports.runtime.logger.debug({ why }, 'following');
    this.#ports.follower.resume();
  }

  /** A node that will not come back: the log waits for it no longer, until it is heard of again or this node restarts. */
  forget(node: NodeId): void {
    this.#forgotten.add(node);
  }

  get heldPosition(): number {
    return this.#held().position;
  }

  get heldBackBy(): string | undefined {
    return this.#held().heldBackBy;
  }

  #held() {
    const { store, peers } = this.#ports;
    const copies = peers();
    for (const { node, reachable } of copies) if (reachable) this.#forgotten.delete(node);
    return heldElsewhere(
      this.#ports,
      store.head,
      copies.filter(({ node }) => !this.#forgotten.has(node)),
    );
  }

  /** Copies and clocks are compared first; with those that are not reached that would take for ever. */
  #whyTooEarly(): string | undefined {
    const { peers, clockCompared, runtime } = this.#ports;
    if (runtime.clock.monotonicMs() - this.#startedMs >= compareMs) return undefined;
    const missing = peers().filter(({ node, said }) => said === undefined || !clockCompared(node));
    const names = missing.map(({ node }) => node).join(', ');
    return missing.length === 0 ? undefined : `waiting for ${names}, to compare copies and clocks`;
  }

  /** Applies what the log holds beyond this store. Nobody else can append: the role is this node's. */
  async #readTo(tail: LogTail): Promise<string | undefined> {
    const { store, log, follower, takeSnapshot } = this.#ports;
    if (tail.position < 0) return noHistory;
    try {
      while (store.head.position < tail.position && !this.#stopped) {
        const entries = await log.read(logPosition(store.head.position + 1), readBytes);
        if (entries === 'trimmed') {
          const why = `the log no longer keeps position ${store.head.position + 1}, which is next here`;
          if (this.#isDonorInReach()) takeSnapshot(why, undefined);
          return why;
        }
        if (store.head.position < 0 && entries[0] !== undefined && beginsWithCopy(entries[0])) {
          const why = 'the history began with a copy, which the log does not hold';
          takeSnapshot(why, undefined);
          return why;
        }
        if (entries.length === 0) return `position ${store.head.position + 1} is missing in the log`;
        for (const group of groupsOf(entries)) await store.apply(group);
      }
    } catch (error) {
      if (!(error instanceof EntriesDoNotFollow)) throw error;
      follower.refuse(`the log is of another history: ${error.message}`);
      return error.message;
    }
    return this.#stopped ? 'the node stops' : undefined;
  }

  /** Without one the copy is kept: it serves local reads. */
  #isDonorInReach(): boolean {
    const { store, peers } = this.#ports;
    const { keyspaceId, position } = store.head;
    return peers().some(
      ({ reachable, said }) =>
        reachable &&
        said !== undefined &&
        said.position > position &&
        (keyspaceId === undefined || historyOf(said) === keyspaceId),
    );
  }

  #whyOtherLog(tail: LogTail): string | undefined {
    const { store, follower } = this.#ports;
    const { head } = store;
    const ours = store.chainHashAt(tail.position);
    if (ours !== undefined && !ours.equals(tail.chainHash)) {
      const why = `the log is of another history: it holds another entry at position ${tail.position}`;
      follower.refuse(why);
      return why;
    }
    return head.position > tail.position
      ? `the log was set back: it ends at position ${tail.position}, this node holds ${head.position}`
      : undefined;
  }

  /** Ends early when the sequencer is lost, and when this node stops. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#ports.runtime.timers.after(ms, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** Of a genesis: what `recover` made the history of is in the nodes' stores alone. */
function beginsWithCopy(genesis: Uint8Array): boolean {
  return decodeEntryHeader(genesis).firstSeqno > 1;
}

/** Each ends at a mark, so that the store stands exactly there when its listeners hear of it. */
function* groupsOf(entries: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let group: Uint8Array[] = [];
  for (const entry of entries) {
    group.push(entry);
    if (!isMark(entry)) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
