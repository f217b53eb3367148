import { crc32 } from 'node:zlib';
import type { PeerStream } from '../../../src/transport/peer-transport.js';
import type { Counts } from './counts.js';
import type { Incarnation } from './incarnation.js';
import type { SeededRandom } from './seeded-random.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

/** How long after a cut an end notices that nothing comes back, ms (see the transport's keepalive). */
const keepaliveMsMin = 2500;
const keepaliveMsMax = 5500;
const highWaterBytes = 64 * 1024;

/** One way from a node to another. */
export interface Link {
  readonly latencyMs: number;
  cut: boolean;
}

/** What a connection runs over. */
export interface Wires {
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly random: SeededRandom;
  readonly counts: Counts;
  readonly unsteadyMs: number;
  link(from: string, to: string): Link;
}

export interface Accepting {
  readonly life: Incarnation;
  readonly accept: (stream: PeerStream) => void;
}

type Parcel = { readonly kind: 'message'; readonly bytes: Uint8Array } | { readonly kind: 'open' } | Closing;
type Closing = { readonly kind: 'close'; readonly reason: string };

/**
 * One stream between two lives: messages keep their order and arrive whole, or the stream closes and what was under way
 * is lost. A cut way holds what is on it; when the cut lasts longer than the keepalive, each end closes by itself.
 */
export class SimConnection {
  readonly from: string;
  readonly to: string;
  readonly name: string;
  readonly network: Wires;
  onOver: () => void = () => {};
  readonly #openerEnd: SimEnd;
  readonly #acceptorEnd: SimEnd;
  readonly #accepting: () => Accepting | undefined;

  constructor(
    network: Wires,
    who: { readonly name: string; readonly opener: Incarnation; readonly to: string },
    accepting: () => Accepting | undefined,
  ) {
    this.network = network;
    this.name = who.name;
    this.from = who.opener.node;
    this.to = who.to;
    this.#accepting = accepting;
    this.#openerEnd = new SimEnd(this, this.from);
    this.#acceptorEnd = new SimEnd(this, this.to);
    this.#openerEnd.peer = this.#acceptorEnd;
    this.#acceptorEnd.peer = this.#openerEnd;
    this.#openerEnd.life = who.opener;
  }

  get opened(): PeerStream {
    return this.#openerEnd;
  }

  begin(): void {
    this.#mourn(this.#openerEnd);
    this.#openerEnd.post({ kind: 'open' });
    if (this.isCut()) this.onCut();
  }

  /** The opening has reached the other node. */
  arrive(): void {
    if (this.#acceptorEnd.over) return;
    const accepting = this.#accepting();
    if (accepting === undefined) return this.#acceptorEnd.refuse(`${this.to} is not there`);
    this.#acceptorEnd.life = accepting.life;
    this.#mourn(this.#acceptorEnd);
    accepting.accept(this.#acceptorEnd);
  }

  /** A process that dies closes its sockets, or (a machine that loses power) says nothing until the keepalive. */
  #mourn(end: SimEnd): void {
    const dies = (): void => {
      end.silence();
      if (this.network.random.chance(0.8)) end.post({ kind: 'close', reason: `${end.node} died` });
      else this.#noticeLater(end.peer);
    };
    end.forget = end.life!.onDeath(dies);
  }

  isCut(): boolean {
    return (
      this.from !== this.to &&
      (this.network.link(this.from, this.to).cut || this.network.link(this.to, this.from).cut)
    );
  }

  /** Pings go both ways, so a cut of one way is noticed at both ends. */
  onCut(): void {
    for (const end of [this.#openerEnd, this.#acceptorEnd]) {
      end.cuts += 1;
      this.#noticeLater(end);
    }
  }

  #noticeLater(end: SimEnd): void {
    const { random, time } = this.network;
    const cuts = end.cuts;
    time.after(keepaliveMsMin + random.fraction() * (keepaliveMsMax - keepaliveMsMin), () => {
      const isOver = end.peer.life?.alive === false || (this.isCut() && end.cuts === cuts);
      if (isOver) end.refuse('no answer to a ping');
    });
  }

  onHeal(): void {
    for (const end of [this.#openerEnd, this.#acceptorEnd]) {
      end.cuts += 1;
      end.release();
    }
  }

  break(reason: string): void {
    this.#openerEnd.end(reason);
    this.#acceptorEnd.end(reason);
  }

  closeEndOf(life: Incarnation, reason: string): void {
    for (const end of [this.#openerEnd, this.#acceptorEnd]) if (end.life === life) end.close(reason);
  }

  ended(): void {
    if (this.#openerEnd.over && this.#acceptorEnd.over) this.onOver();
  }
}

const loopback = { latencyMs: 0.05, cut: false };

class SimEnd implements PeerStream {
  readonly node: string;
  peer!: SimEnd;
  life: Incarnation | undefined;
  forget: () => void = () => {};
  /** Counts cuts and heals, so that a keepalive of an earlier cut means nothing. */
  cuts = 0;
  readonly #connection: SimConnection;
  #over = false;
  #silent = false;
  #reason: string | undefined;
  #onClose: ((reason: string) => void) | undefined;
  #onMessage: ((message: Uint8Array) => void) | undefined;
  #wire: Link | undefined;
  #paused = false;
  /** What this end has sent and what has not arrived, in order; a cut leaves it there. */
  #way: Parcel[] = [];
  /** Arrivals planned before the last heal mean nothing. */
  #heals = 0;
  #lastArrivalMs = 0;
  #unreadBytes = 0;
  #drained: (() => void)[] = [];
  /** Arrived and not yet read. */
  #inbox: Uint8Array[] = [];

  constructor(connection: SimConnection, node: string) {
    this.#connection = connection;
    this.node = node;
  }

  get over(): boolean {
    return this.#over;
  }

  send(message: Uint8Array): boolean {
    if (this.#over || this.life?.alive !== true) return false;
    const bytes = new Uint8Array(message);
    this.#unreadBytes += bytes.length;
    this.post({ kind: 'message', bytes });
    return this.#unreadBytes <= highWaterBytes;
  }

  drained(): Promise<void> {
    if (this.#over || this.#unreadBytes <= highWaterBytes) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#onMessage = listener;
    this.#readOn();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (this.#paused) this.#connection.network.counts.add('resumed streams');
    this.#paused = false;
    this.#readOn();
  }

  onClose(listener: (reason: string) => void): void {
    this.#onClose = listener;
    this.#tellClosed();
  }

  close(reason: string): void {
    if (this.#over || this.life?.alive !== true) return;
    this.post({ kind: 'close', reason: `closed by ${this.node}: ${reason}` });
    this.end(reason);
  }

  /** Puts a parcel on its way: in order, no two overtake each other. */
  post(parcel: Parcel): void {
    this.#way.push(parcel);
    this.#planArrival();
  }

  /** Closes this end by the network's word, and the other as soon as it can be told. */
  refuse(reason: string): void {
    if (this.#over) return;
    this.post({ kind: 'close', reason });
    this.end(reason);
  }

  /** The cut is healed: what was held goes on. */
  release(): void {
    this.#heals += 1;
    for (const _ of this.#way) this.#planArrival();
  }

  get #link(): Link {
    this.#wire ??=
      this.node === this.peer.node ? loopback : this.#connection.network.link(this.node, this.peer.node);
    return this.#wire;
  }

  #planArrival(): void {
    if (this.#link.cut) return;
    const { time, random, unsteadyMs } = this.#connection.network;
    const extraMs = unsteadyMs * random.fraction() ** 2;
    const arrivalMs = time.nowMs + this.#link.latencyMs * (1 + 0.15 * random.fraction()) + extraMs;
    this.#lastArrivalMs = Math.max(arrivalMs, this.#lastArrivalMs);
    const heals = this.#heals;
    time.after(this.#lastArrivalMs - time.nowMs, () => {
      if (heals === this.#heals && !this.#link.cut) this.#arrives();
    });
  }

  #arrives(): void {
    const { network } = this.#connection;
    const parcel = this.#way.shift()!;
    if (parcel.kind === 'open') return this.#connection.arrive();
    if (parcel.kind === 'close') return this.peer.endAfterReading(parcel.reason);
    if (this.peer.#over || this.peer.life?.alive !== true) return;
    network.trace.add(`${this.#connection.name}: ${this.node} sent ${digest(parcel.bytes)}`);
    this.peer.#inbox.push(parcel.bytes);
    this.peer.#readOn();
  }

  #readOn(): void {
    if (this.life?.frozen === true) return void this.life.after(0, () => this.#readOn());
    while (!this.#paused && !this.#over && this.#onMessage !== undefined && this.life?.alive === true) {
      const message = this.#inbox.shift();
      if (message === undefined) return;
      this.peer.#wasRead(message.length);
      this.#onMessage(message);
    }
  }

  #wasRead(bytes: number): void {
    this.#unreadBytes -= bytes;
    if (this.#unreadBytes > highWaterBytes) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  endAfterReading(reason: string): void {
    this.#paused = false;
    this.#readOn();
    this.end(reason);
  }

  end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#reason = reason;
    this.forget();
    for (const resolve of this.#drained.splice(0)) resolve();
    this.#tellClosed();
    this.#connection.ended();
  }

  /** The life of this end is over: nobody hears of anything. */
  silence(): void {
    this.#silent = true;
    this.#over = true;
    this.#inbox = [];
    this.#connection.ended();
  }

  #tellClosed(): void {
    const reason = this.#reason;
    const listener = this.#onClose;
    if (reason === undefined || listener === undefined || this.#silent) return;
    this.#onClose = undefined;
    this.life?.after(0, () => listener(reason));
  }
}

function digest(message: Uint8Array): string {
  return `${message.length} bytes ${crc32(message).toString(16)}`;
}
