import type { NodeId } from '../../src/model/ids.js';
import { limits } from '../../src/model/limits.js';
import type { Timers } from '../../src/runtime/runtime.js';
import { CloseNotice } from '../../src/transport/close-notice.js';
import type { PeerMethod, PeerStream, PeerTransport } from '../../src/transport/peer-transport.js';

/** One direction of the streams of one method between two nodes. */
class Link {
  held: (() => void)[] | undefined;

  pass(deliver: () => void): void {
    if (this.held === undefined) deliver();
    else this.held.push(deliver);
  }

  /** Lets so many of what waits go on; what comes waits still. */
  passOn(count: number): void {
    for (const deliver of this.held?.splice(0, count) ?? []) deliver();
  }

  release(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const deliver of held) deliver();
  }
}

interface OpenStream {
  readonly from: string;
  readonly to: string;
  readonly method: PeerMethod;
  readonly ends: readonly [End, End];
}

type Acceptor = (stream: PeerStream, from: NodeId) => void;

/** Streams between nodes of one process, whose links a test holds back, releases, closes and cuts. */
export class ControlledNetwork {
  readonly #timers: Timers;
  readonly #acceptors = new Map<string, Map<PeerMethod, Acceptor>>();
  readonly #links = new Map<string, Link>();
  readonly #cut = new Set<string>();
  #streams: OpenStream[] = [];

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** A node's transport; a node that starts again takes the place of its predecessor. */
  transport(self: NodeId): PeerTransport {
    const acceptors = new Map<PeerMethod, Acceptor>();
    return {
      open: (to, method) => this.#open(self, to, method),
      accept: (method, acceptor) => void acceptors.set(method, acceptor),
      isDown: async (node) => !this.#acceptors.has(node),
      start: async () => void this.#acceptors.set(self, acceptors),
      stop: async () => {
        this.#acceptors.delete(self);
        this.close(({ from, to }) => from === self || to === self);
      },
    };
  }

  /**
   * What `from` sends to `to` waits until `release`; both directions of a stream have their own. Of a stream to itself it
   * is the accepting side, which sends the bulk.
   */
  hold(from: string, to: string, method: PeerMethod): void {
    this.#link(from, to, method).held ??= [];
  }

  /** Messages that wait on a held link. */
  waiting(from: string, to: string, method: PeerMethod): number {
    return this.#link(from, to, method).held?.length ?? 0;
  }

  /** So many messages of a held link arrive; what comes after them waits. */
  passOn(from: string, to: string, method: PeerMethod, count: number): void {
    this.#link(from, to, method).passOn(count);
  }

  release(from: string, to: string, method: PeerMethod): void {
    this.#link(from, to, method).release();
  }

  releaseAll(): void {
    for (const link of this.#links.values()) link.release();
  }

  /** What waits on a held link is lost; its streams close, as a connection would. */
  drop(from: string, to: string, method: PeerMethod): void {
    this.#link(from, to, method).held = undefined;
    this.close((s) => s.method === method && [from, to].includes(s.from) && [from, to].includes(s.to));
  }

  /** Closes streams at both ends at once; what is in flight is lost. */
  close(which: (stream: { from: string; to: string; method: PeerMethod }) => boolean): void {
    const closing = this.#streams.filter(which);
    this.#streams = this.#streams.filter((stream) => !closing.includes(stream));
    for (const { ends } of closing) for (const end of ends) end.closeNow('the connection is gone');
  }

  /** No stream between the two, or between one and all, until `heal`. */
  cut(a: string, b: string): void {
    this.#cut.add(`${a} ${b}`).add(`${b} ${a}`);
    this.close(({ from, to }) => (from === a && to === b) || (from === b && to === a));
  }

  heal(): void {
    this.#cut.clear();
  }

  #link(from: string, to: string, method: PeerMethod): Link {
    const name = `${from} ${to} ${method}`;
    const link = this.#links.get(name) ?? new Link();
    this.#links.set(name, link);
    return link;
  }

  #open(from: NodeId, to: NodeId, method: PeerMethod): PeerStream {
    const opener = new End(this.#timers, from === to ? new Link() : this.#link(from, to, method));
    const acceptor = new End(this.#timers, this.#link(to, from, method));
    opener.other = acceptor;
    acceptor.other = opener;
    const accept = this.#acceptors.get(to)?.get(method);
    if (accept === undefined || this.#cut.has(`${from} ${to}`)) opener.closeNow('unreachable');
    else {
      this.#streams.push({ from, to, method, ends: [opener, acceptor] });
      this.#timers.soon(() => accept(acceptor, from));
    }
    return opener;
  }
}

class End implements PeerStream {
  readonly #timers: Timers;
  readonly #link: Link;
  readonly #notice: CloseNotice;
  readonly #arrived: Uint8Array[] = [];
  #listener: ((message: Uint8Array) => void) | undefined;
  #paused = false;
  other!: End;

  constructor(timers: Timers, link: Link) {
    this.#timers = timers;
    this.#link = link;
    this.#notice = new CloseNotice(timers);
  }

  send(message: Uint8Array): boolean {
    if (this.#notice.closed) return false;
    if (message.length > limits.peerMessageBytesMax) {
      this.close('a message above the limit');
      return false;
    }
    this.#link.pass(() => this.other.#arrive(message));
    return true;
  }

  async drained(): Promise<void> {}

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#listener = listener;
    this.#timers.soon(() => this.#deliver());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#timers.soon(() => this.#deliver());
  }

  onClose(listener: (reason: string) => void): void {
    this.#notice.listen(listener);
  }

  close(reason: string): void {
    if (!this.#notice.close(reason)) return;
    this.#link.pass(() =>
      this.#timers.soon(() => this.other.closeNow(`closed by the other side: ${reason}`)),
    );
  }

  closeNow(reason: string): void {
    this.#deliver();
    this.#notice.close(reason);
  }

  #arrive(message: Uint8Array): void {
    this.#arrived.push(message);
    this.#timers.soon(() => this.#deliver());
  }

  #deliver(): void {
    while (this.#listener !== undefined && !this.#paused && !this.#notice.closed) {
      const message = this.#arrived.shift();
      if (message === undefined) return;
      this.#listener(message);
    }
  }
}
