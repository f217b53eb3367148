import { uuidToBytes, type KeyspaceName, type NodeId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { Runtime } from '../runtime/runtime.js';
import type { IncomingCopy } from '../storage/incoming-copy.js';
import { EntriesDoNotFollow } from '../storage/store.js';
import {
  decodeEntriesFromSource,
  encodeEntriesFromFollower,
  PeerMessageError,
  type EntriesFromSource,
} from '../transport/messages.js';
import type { PeerTransport } from '../transport/peer-transport.js';
import { Inbox } from './inbox.js';
import { Pause } from './pause.js';

const redialMsMin = 100;
const redialMsMax = 1000;
/** A source says something every half second. */
const silentMsMax = 10_000;

export interface IncomingEntriesPorts {
  readonly keyspace: KeyspaceName;
  readonly self: NodeId;
  readonly donor: NodeId;
  readonly copy: IncomingCopy;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
}

/** How following ended: by `stop`, or because a new copy must be begun. */
export type FollowingEnd =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'gone'; readonly why: string }
  | { readonly kind: 'untrue'; readonly why: string };

/**
 * Stores what the donor appends from the copy's position on beside the copy, so that the donor pins the snapshot alone. In
 * memory are limits.followerQueueBytesMax at the most; above it the stream is paused.
 */
export class IncomingEntries {
  readonly #ports: IncomingEntriesPorts;
  readonly #pause: Pause;
  #inbox: Inbox<EntriesFromSource> | undefined;
  #stopped = false;
  /** The donor's tail when it last accepted: it has found the copy's place in its history and keeps what follows. */
  #tail: number | undefined;
  #onCaughtUp: () => void = () => {};
  /** Resolves when everything up to a tail of the donor is stored. */
  readonly caughtUp = new Promise<void>((resolve) => (this.#onCaughtUp = resolve));

  constructor(ports: IncomingEntriesPorts) {
    this.#ports = ports;
    this.#pause = new Pause(ports.runtime.timers);
  }

  get accepted(): boolean {
    return this.#tail !== undefined;
  }

  /** Dials again after each break. Rejects when the copy cannot be written. Called once. */
  async run(): Promise<FollowingEnd> {
    let redialMs = redialMsMin;
    while (!this.#stopped) {
      const before = this.#ports.copy.progress.entriesTo.position;
      const end = await this.#follow();
      if (end !== undefined) return end;
      if (this.#ports.copy.progress.entriesTo.position > before) redialMs = redialMsMin;
      await this.#pause.wait(redialMs);
      redialMs = Math.min(redialMs * 2, redialMsMax);
    }
    return { kind: 'stopped' };
  }

  /** What is being written is written; what has arrived is dropped. */
  stop(): void {
    this.#stopped = true;
    this.#pause.end();
    this.#inbox?.close('the joiner follows no longer');
  }

  /** Undefined when the stream has ended and another may help. */
  async #follow(): Promise<FollowingEnd | undefined> {
    const inbox = this.#dial();
    try {
      for (;;) {
        const message = await inbox.next();
        if (message === undefined) return undefined;
        const end = await this.#take(message, inbox);
        if (end !== undefined) return end;
      }
    } catch (error) {
      if (error instanceof EntriesDoNotFollow || error instanceof PeerMessageError)
        return { kind: 'untrue', why: error.message };
      throw error;
    } finally {
      inbox.close('following ends');
    }
  }

  #dial(): Inbox<EntriesFromSource> {
    const { transport, donor, keyspace, self, copy, runtime } = this.#ports;
    const stream = transport.open(donor, 'entries');
    const inbox = new Inbox(stream, {
      decode: decodeEntriesFromSource,
      bytesMax: limits.followerQueueBytesMax,
      silentMsMax,
      timers: runtime.timers,
    });
    this.#inbox = inbox;
    const { position, hash } = copy.progress.entriesTo;
    const keyspaceId = uuidToBytes(copy.origin.head.keyspaceId!);
    const hello = {
      type: 'hello',
      keyspace,
      node: self,
      keyspaceId,
      nextPosition: position + 1,
      hash,
    } as const;
    inbox.send(encodeEntriesFromFollower(hello));
    return inbox;
  }

  async #take(
    message: EntriesFromSource,
    inbox: Inbox<EntriesFromSource>,
  ): Promise<FollowingEnd | undefined> {
    if (message.type === 'heartbeat') return undefined;
    if (message.type === 'welcome') {
      const { refused } = message;
      if (refused === '') this.#tail = message.position;
      this.#judgeTail();
      const isGone = refused === 'CHANGES_TOO_OLD' || refused === 'HISTORY_MISMATCH';
      return isGone ? { kind: 'gone', why: `its entries cannot be followed: ${refused}` } : undefined;
    }
    const entries = [...message.entries];
    let bytes = sizeOf(entries);
    while (inbox.waiting && bytes < limits.applyGroupBytesMax) {
      const more = await inbox.next();
      if (more?.type !== 'entries') continue;
      entries.push(...more.entries);
      bytes += sizeOf(more.entries);
    }
    await this.#ports.copy.addEntries(entries);
    this.#judgeTail();
    return undefined;
  }

  #judgeTail(): void {
    const { position } = this.#ports.copy.progress.entriesTo;
    if (this.#tail !== undefined && position >= this.#tail) this.#onCaughtUp();
  }
}

function sizeOf(entries: readonly Uint8Array[]): number {
  return entries.reduce((total, entry) => total + entry.length, 0);
}
