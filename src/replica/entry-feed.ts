import { logPosition, uuidFromBytes, uuidToBytes } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { every, type Runtime } from '../runtime/runtime.js';
import type { AppliedEntry, KeyspaceStore } from '../storage/store.js';
import {
  decodeEntriesFromFollower,
  encodeEntriesFromSource,
  type EntriesFromFollower,
  type EntriesHello,
  type EntriesWelcome,
} from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { readMessages } from '../transport/read-messages.js';

const heartbeatMs = 500;

/** Where the nodes that follow this one stand, by what they have said is synced in their stores. */
export type FollowerPositions = ReadonlyMap<string, number>;

/**
 * Serves a keyspace's entries out of this node's store to the nodes that follow it: only what is durable, dense, in
 * order. Each follower has its own pace; a slow one holds nothing but its own place.
 */
export class EntryFeed {
  readonly #store: KeyspaceStore;
  readonly #runtime: Runtime;
  readonly #followers = new Set<FollowerStream>();
  /** Why each node was refused last: it asks again every second, and is logged once. */
  readonly #refused = new Map<string, string>();
  readonly #unsubscribe: () => void;

  constructor(store: KeyspaceStore, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
    this.#unsubscribe = store.onApplied((applied) => {
      for (const follower of this.#followers) follower.onApplied(applied);
    });
  }

  /** Serves one stream whose hello has been read. */
  serve(stream: PeerStream, hello: EntriesHello): void {
    const { head } = this.#store;
    const refused = this.#refusal(hello);
    const welcome: EntriesWelcome = {
      type: 'welcome',
      keyspaceId: head.keyspaceId === undefined ? Buffer.alloc(0) : uuidToBytes(head.keyspaceId),
      position: Math.max(0, head.position),
      seqno: head.seqno,
      hash: head.chainHash,
      refused: refused ?? '',
    };
    stream.send(encodeEntriesFromSource(welcome));
    if (refused !== undefined) {
      this.#logRefusal(hello, refused);
      return stream.close(refused);
    }
    this.#refused.delete(hello.node);
    const follower = new FollowerStream(stream, hello, this.#store, this.#runtime);
    this.#followers.add(follower);
    follower.start(() => this.#followers.delete(follower));
  }

  followers(): FollowerPositions {
    return new Map([...this.#followers].map((follower) => [follower.node, follower.applied]));
  }

  stop(): void {
    this.#unsubscribe();
    for (const follower of this.#followers) follower.close('the node stops');
  }

  #logRefusal({ node, keyspaceId, nextPosition }: EntriesHello, refused: string): void {
    if (this.#refused.get(node) === refused) return;
    this.#refused.set(node, refused);
    const history = keyspaceId.length === 0 ? undefined : uuidFromBytes(keyspaceId);
    const replaced = this.#store.replaced.some((one) => one.keyspaceId === history);
    const fields = { follower: node, refused, history, nextPosition, replaced };
    this.#runtime.logger.warn(fields, 'a follower is refused');
  }

  /** What cannot be compared is no proof that histories differ, and no licence to go on either. */
  #refusal(hello: EntriesHello): string | undefined {
    const { head } = this.#store;
    if (head.keyspaceId === undefined) return 'NODE_NOT_READY';
    if (hello.keyspaceId.length > 0 && !uuidToBytes(head.keyspaceId).equals(hello.keyspaceId))
      return 'HISTORY_MISMATCH';
    if (hello.nextPosition > head.position + 1) return 'HISTORY_MISMATCH';
    const hash = this.#store.chainHashAt(hello.nextPosition - 1);
    if (hash?.equals(hello.hash) === false) return 'HISTORY_MISMATCH';
    return hash === undefined || hello.nextPosition < this.#store.oldestPosition
      ? 'CHANGES_TOO_OLD'
      : undefined;
  }
}

class FollowerStream {
  readonly node: string;
  readonly #stream: PeerStream;
  readonly #store: KeyspaceStore;
  readonly #runtime: Runtime;
  /** The next position to send. */
  #next: number;
  #applied: number;
  #reading = false;
  #closed = false;

  constructor(stream: PeerStream, hello: EntriesHello, store: KeyspaceStore, runtime: Runtime) {
    this.node = hello.node;
    this.#stream = stream;
    this.#store = store;
    this.#runtime = runtime;
    this.#next = hello.nextPosition;
    this.#applied = hello.nextPosition - 1;
  }

  get applied(): number {
    return this.#applied;
  }

  start(onClose: () => void): void {
    const cancelHeartbeats = every(this.#runtime.timers, heartbeatMs, () => this.#sendHeartbeat());
    const take = (message: EntriesFromFollower): void => {
      if (message.type === 'applied') this.#applied = message.position;
    };
    readMessages(this.#stream, decodeEntriesFromFollower, take, this.#runtime.logger);
    this.#stream.onClose(() => {
      this.#closed = true;
      cancelHeartbeats();
      onClose();
    });
    this.#sendHeartbeat();
    this.#readOn();
  }

  close(reason: string): void {
    this.#stream.close(reason);
  }

  /** What was just applied goes out from memory when the follower has everything before it. */
  onApplied(applied: readonly AppliedEntry[]): void {
    if (this.#reading || this.#closed || applied.length === 0) return;
    if (applied[0]!.entry.position !== this.#next) return this.#readOn();
    this.#next += applied.length;
    if (!this.#send(applied.map((one) => one.bytes))) this.#readOn();
  }

  #readOn(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#readLoop().catch((error: unknown) => {
      this.#reading = false;
      if (this.#closed) return;
      this.#runtime.logger.error({ error, follower: this.node }, 'entries cannot be read');
      this.close('entries cannot be read');
    });
  }

  /** Ends in the turn in which it finds the follower at the head: what is applied next goes out from memory. */
  async #readLoop(): Promise<void> {
    await this.#stream.drained();
    while (!this.#closed && this.#next <= this.#store.head.position) {
      const entries = await this.#store.entries(logPosition(this.#next), limits.feedReadBytesMax);
      if (entries.length === 0) throw new Error(`no entry at position ${this.#next}`);
      this.#next += entries.length;
      if (!this.#send(entries)) await this.#stream.drained();
    }
    this.#reading = false;
  }

  #send(entries: readonly Uint8Array[]): boolean {
    let writable = true;
    for (const group of groupsOf(entries, limits.peerMessageBytesMax / 2)) {
      writable = this.#stream.send(encodeEntriesFromSource({ type: 'entries', entries: group }));
    }
    return writable;
  }

  #sendHeartbeat(): void {
    const { position, seqno } = this.#store.head;
    const wallMs = this.#runtime.clock.nowMs();
    this.#stream.send(
      encodeEntriesFromSource({ type: 'heartbeat', position: Math.max(0, position), seqno, wallMs }),
    );
  }
}

/** Splits entries so that a message stays below `bytesMax`, one entry at least in each. */
function groupsOf(entries: readonly Uint8Array[], bytesMax: number): Uint8Array[][] {
  const groups: Uint8Array[][] = [];
  let bytes = Infinity;
  for (const entry of entries) {
    if (bytes + entry.length > bytesMax) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(entry);
    bytes += entry.length;
  }
  return groups;
}
