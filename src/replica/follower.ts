import { isMark } from '../model/entry.js';
import { uuidFromBytes, uuidToBytes, type KeyspaceId, type KeyspaceName, type NodeId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { delay, type Cancel, type Runtime } from '../runtime/runtime.js';
import { ApplyFailed, type KeyspaceStore } from '../storage/store.js';
import {
  decodeEntriesFromSource,
  encodeEntriesFromFollower,
  type EntriesFromSource,
  type EntriesWelcome,
} from '../transport/messages.js';
import type { PeerStream, PeerTransport } from '../transport/peer-transport.js';
import { readMessages } from '../transport/read-messages.js';

export type FollowState =
  /** The store was empty and has not reached the tail yet. */
  | { readonly kind: 'joining'; readonly detail: string | undefined }
  | { readonly kind: 'catching-up'; readonly detail: string | undefined }
  | { readonly kind: 'synced' }
  /** For good: what the source sends does not follow what this node holds. */
  | { readonly kind: 'inconsistent'; readonly detail: string; readonly sinceMs: number };

export interface FollowerPorts {
  readonly keyspace: KeyspaceName;
  readonly self: NodeId;
  /** Whom to follow now; undefined while nobody is known who has the entries. */
  readonly source: () => NodeId | undefined;
  readonly store: KeyspaceStore;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
  /**
   * Entries alone cannot bring this store to the source, or not soon. Called once; the follower then does nothing more.
   * `history` is the source's, as far as it is known.
   */
  readonly takeSnapshot: (why: string, history: KeyspaceId | undefined) => void;
}

/** The last time that this store was behind its source, and how it comes up to it from entries. */
export interface CatchUp {
  /** For the operator. */
  readonly why: string;
  /** Of entries received since. */
  readonly bytes: number;
  /** Wall clock, ms. */
  readonly startedMs: number;
  /** ms that it took; so far, while it is under way. */
  readonly tookMs: number;
  readonly done: boolean;
  /** Of this follower. */
  readonly isFirst: boolean;
}

const redialMsMin = 100;
const redialMsMax = 1000;
const recoverMs = 500;
/** A follower this far behind the source is catching up, not synced. */
const lagEntriesMax = 1000;

/** Brings a keyspace's entries from the node that it follows into this node's store, in groups, one synced batch each. */
export class Follower {
  readonly #ports: FollowerPorts;
  #stream: PeerStream | undefined;
  #queue: Uint8Array[] = [];
  #queueBytes = 0;
  #applying = false;
  #idle: Promise<void> = Promise.resolve();
  #redialMs = redialMsMin;
  #cancelRedial: Cancel = () => {};
  #welcomed = false;
  #tail = { position: -1, seqno: 0 };
  #state: FollowState;
  #catchUp:
    | (Omit<CatchUp, 'tookMs' | 'done'> & { bytes: number; endMs: number | undefined; beganMs: number })
    | undefined;
  #stopped = false;
  #paused = false;
  /** The node that is dialled, or was last. */
  #source: NodeId | undefined;

  constructor(ports: FollowerPorts) {
    this.#ports = ports;
    const detail = `no entry stream from ${ports.source() ?? 'a sequencer'} yet`;
    this.#state = { kind: ports.store.head.position < 0 ? 'joining' : 'catching-up', detail };
  }

  get state(): FollowState {
    return this.#state;
  }

  /** The source's durable tail as last heard. */
  get tail(): { readonly position: number; readonly seqno: number } {
    return this.#tail;
  }

  get catchUp(): CatchUp | undefined {
    if (this.#catchUp === undefined) return undefined;
    const { beganMs, endMs, ...known } = this.#catchUp;
    const tookMs = (endMs ?? this.#ports.runtime.clock.monotonicMs()) - beganMs;
    return { ...known, tookMs, done: endMs !== undefined };
  }

  start(): void {
    this.#dial();
  }

  /** Leaves the present stream for a new one: the source has begun anew or is another, and the old stream may be silent for long. */
  redial(): void {
    if (this.#stopped || this.#paused) return;
    this.#redialMs = redialMsMin;
    this.#cancelRedial();
    this.#abandonStream('the source has begun anew');
    void this.#idle.then(() => this.#dial());
  }

  /** Of the node that is followed, or was last. */
  get source(): NodeId | undefined {
    return this.#source;
  }

  /** Resolves when nothing of it is applied to the store any more, until `resume`. */
  async pause(): Promise<void> {
    this.#paused = true;
    this.#cancelRedial();
    this.#abandonStream('this node takes the role');
    await this.#idle;
  }

  /** What the store holds came from the log: it is no beginner any more. */
  joined(): void {
    if (this.#state.kind === 'joining') this.#state = { kind: 'catching-up', detail: undefined };
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#ports.store.head.position >= 0) this.joined();
    this.#lost('this node follows again');
  }

  /** The store is not of the log's history: for good, as when a source refuses to be followed. */
  refuse(detail: string): void {
    if (this.#state.kind !== 'inconsistent') this.#inconsistent(detail);
  }

  /** What is being applied is finished. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRedial();
    this.#stream?.close('the node stops');
    await this.#idle;
  }

  #dial(): void {
    if (this.#stopped || this.#paused || this.#stream !== undefined || this.#state.kind === 'inconsistent')
      return;
    const { transport, runtime, keyspace, self, store } = this.#ports;
    const source = this.#ports.source();
    if (source === undefined || source === self) return this.#lost('no sequencer is known');
    this.#source = source;
    const stream = transport.open(source, 'entries');
    this.#stream = stream;
    this.#welcomed = false;
    const take = (message: EntriesFromSource): void => this.#onMessage(message, stream);
    readMessages(stream, decodeEntriesFromSource, take, runtime.logger);
    stream.onClose((reason) => {
      if (this.#stream === stream) this.#stream = undefined;
      if (this.#stream === undefined) this.#lost(`the entry stream from ${source} is closed: ${reason}`);
    });
    const { head } = store;
    const hello = {
      type: 'hello',
      keyspace,
      node: self,
      keyspaceId: head.keyspaceId === undefined ? Buffer.alloc(0) : uuidToBytes(head.keyspaceId),
      nextPosition: head.position + 1,
      hash: head.chainHash,
    } as const;
    runtime.logger.debug({ source, nextPosition: hello.nextPosition }, 'following');
    stream.send(encodeEntriesFromFollower(hello));
  }

  #onMessage(message: EntriesFromSource, stream: PeerStream): void {
    if (stream !== this.#stream) return;
    if (message.type === 'welcome') return this.#onWelcome(message);
    if (message.type === 'heartbeat') {
      this.#tail = message;
      return this.#judgeLag();
    }
    this.#noteBytes(message.entries);
    for (const entry of message.entries) {
      this.#queue.push(entry);
      this.#queueBytes += entry.length;
    }
    if (this.#queueBytes > limits.followerQueueBytesMax) stream.pause();
    if (!this.#applying) this.#idle = this.#applyQueue();
  }

  #onWelcome(welcome: EntriesWelcome): void {
    this.#redialMs = redialMsMin;
    const { store } = this.#ports;
    const source = this.#source;
    const { head } = store;
    if (welcome.refused === '') {
      const missing = welcome.position - head.position;
      if (head.position < 0 && missing > limits.joinByEntriesMax)
        return this.#leaveToSnapshot(`the store is empty and ${source} has ${missing} entries`, welcome);
      this.#welcomed = true;
      this.#tail = welcome;
      if (missing > 0) this.#beginCatchUp(`${missing} entries behind ${source}, which keeps them all`);
      return this.#judgeLag();
    }
    if (welcome.refused === 'CHANGES_TOO_OLD')
      return this.#leaveToSnapshot(
        `position ${head.position + 1} is next here, and ${source} keeps it no longer`,
        welcome,
      );
    const isSameHistory =
      head.keyspaceId !== undefined && uuidToBytes(head.keyspaceId).equals(welcome.keyspaceId);
    // Of one history, who is ahead of the log goes on serving what was committed: it is the log that was set back.
    const isAhead = isSameHistory && head.position > welcome.position;
    if (welcome.refused === 'HISTORY_MISMATCH' && !isAhead) {
      this.#inconsistent(`${source} refuses to be followed: the histories differ`);
    } else this.#redialMs = redialMsMax;
  }

  #leaveToSnapshot(why: string, { keyspaceId }: EntriesWelcome): void {
    this.#stopped = true;
    this.#state = { kind: 'joining', detail: why };
    this.#stream?.close('this node takes a snapshot');
    this.#ports.takeSnapshot(why, uuidFromBytes(keyspaceId) as KeyspaceId);
  }

  #beginCatchUp(why: string): void {
    const { clock, logger } = this.#ports.runtime;
    logger.info({ why }, 'this node catches up from entries');
    const [startedMs, beganMs] = [clock.nowMs(), clock.monotonicMs()];
    const isFirst = this.#catchUp === undefined;
    this.#catchUp = { why, bytes: 0, startedMs, isFirst, beganMs, endMs: undefined };
  }

  #noteBytes(entries: readonly Uint8Array[]): void {
    if (this.#catchUp === undefined || this.#catchUp.endMs !== undefined) return;
    for (const entry of entries) this.#catchUp.bytes += entry.length;
  }

  async #applyQueue(): Promise<void> {
    this.#applying = true;
    while (this.#queue.length > 0 && !this.#stopped && !this.#paused && this.#state.kind !== 'inconsistent') {
      const group = this.#takeGroup();
      if (!(await this.#applyGroup(group))) break;
      const { position, seqno } = this.#ports.store.head;
      this.#stream?.send(encodeEntriesFromFollower({ type: 'applied', position, seqno }));
      if (this.#queueBytes < limits.followerQueueBytesMax / 2) this.#stream?.resume();
      this.#judgeLag();
    }
    this.#applying = false;
  }

  /** Ends at a mark, so that the store stands exactly there when its listeners hear of it. */
  #takeGroup(): Uint8Array[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#queue) {
      if (count > 0 && bytes + entry.length > limits.applyGroupBytesMax) break;
      bytes += entry.length;
      count += 1;
      if (isMark(entry)) break;
    }
    this.#queueBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  /** False when the queue was given up: the stream is dialled again from where the store then stands. */
  async #applyGroup(group: readonly Uint8Array[]): Promise<boolean> {
    const { store, runtime } = this.#ports;
    try {
      await store.apply(group);
      return true;
    } catch (error) {
      this.#abandonStream('entries were not applied');
      runtime.logger.error({ error }, 'entries were not applied');
      if (error instanceof ApplyFailed) await this.#recover();
      else this.#inconsistent((error as Error).message);
      return false;
    }
  }

  /** What it has sent and still sends may not follow what the store then holds: the next stream begins from that. */
  #abandonStream(why: string): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#queue = [];
    this.#queueBytes = 0;
    stream?.close(why);
  }

  async #recover(): Promise<void> {
    const { store, runtime } = this.#ports;
    while (!this.#stopped && !this.#paused) {
      this.#state = { kind: 'catching-up', detail: store.halted };
      await delay(runtime.timers, recoverMs);
      try {
        await store.recover();
        return;
      } catch (error) {
        runtime.logger.error({ error }, 'the store cannot be reopened');
      }
    }
  }

  #judgeLag(): void {
    if (this.#state.kind === 'inconsistent' || !this.#welcomed) return;
    const lag = this.#tail.position - this.#ports.store.head.position;
    const limit = this.#state.kind === 'synced' ? lagEntriesMax : 0;
    if (lag <= limit) {
      this.#state = { kind: 'synced' };
      if (this.#catchUp !== undefined) this.#catchUp.endMs ??= this.#ports.runtime.clock.monotonicMs();
    } else {
      const detail = `${lag} entries behind ${this.#source}`;
      this.#state = { kind: this.#state.kind === 'joining' ? 'joining' : 'catching-up', detail };
    }
  }

  #inconsistent(detail: string): void {
    this.#state = { kind: 'inconsistent', detail, sinceMs: this.#ports.runtime.clock.nowMs() };
    this.#ports.runtime.logger.error({ detail }, 'this node stops serving the keyspace');
  }

  #lost(detail: string): void {
    if (this.#stopped || this.#paused || this.#state.kind === 'inconsistent') return;
    this.#state = { kind: this.#state.kind === 'joining' ? 'joining' : 'catching-up', detail };
    this.#redialLater();
  }

  #redialLater(): void {
    if (this.#stopped || this.#paused) return;
    this.#cancelRedial();
    this.#cancelRedial = this.#ports.runtime.timers.after(this.#redialMs, () => {
      void this.#idle.then(() => this.#dial());
    });
    this.#redialMs = Math.min(this.#redialMs * 2, redialMsMax);
  }
}
