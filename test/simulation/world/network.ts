import type { PeerMethod, PeerStream, PeerTransport } from '../../../src/transport/peer-transport.js';
import type { Counts } from './counts.js';
import type { Incarnation } from './incarnation.js';
import type { SeededRandom } from './seeded-random.js';
import { SimConnection, type Link, type Wires } from './sim-connection.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

type Acceptor = (stream: PeerStream, from: never) => void;

/** What streams are opened for: between nodes, and by apps. */
type Purpose = PeerMethod | 'session' | 'watch';

interface Listening {
  readonly life: Incarnation;
  readonly acceptors: Map<Purpose, Acceptor>;
}

/** A node's end of the network in one life: what it needs of its peers, and what it offers to apps. */
export interface NodeTransport extends PeerTransport {
  acceptApp(purpose: 'session' | 'watch', acceptor: (stream: PeerStream) => void): void;
}

/** The network of a world: links with latency that can be cut one way, connections that break, no more than that. */
export class Network implements Wires {
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly random: SeededRandom;
  readonly counts: Counts;
  /** Added to what a message takes, at the most. */
  unsteadyMs = 0;
  readonly #links = new Map<string, Link>();
  readonly #listening = new Map<string, Listening>();
  readonly #connections = new Set<SimConnection>();
  #streams = 0;

  constructor(world: { time: VirtualTime; trace: Trace; random: SeededRandom; counts: Counts }) {
    this.counts = world.counts;
    this.time = world.time;
    this.trace = world.trace;
    this.random = world.random;
  }

  /** Both ways between two nodes. */
  connect(a: string, b: string, oneWayMs: number): void {
    this.#links.set(`${a}>${b}`, { latencyMs: oneWayMs, cut: false });
    this.#links.set(`${b}>${a}`, { latencyMs: oneWayMs, cut: false });
  }

  link(from: string, to: string): Link {
    const link = this.#links.get(`${from}>${to}`);
    if (link === undefined) throw new Error(`there is no link from ${from} to ${to}`);
    return link;
  }

  /** What is under way on a cut link waits; streams over it close only when they have noticed (see SimConnection). */
  cut(from: string, to: string): void {
    this.trace.add(`net cut ${from} > ${to}`);
    this.link(from, to).cut = true;
    for (const connection of this.#between(from, to)) connection.onCut();
  }

  heal(): void {
    this.trace.add('net heal');
    for (const link of this.#links.values()) link.cut = false;
    for (const connection of [...this.#connections]) connection.onHeal();
  }

  /** Every connection between two nodes breaks at once, and both ends are told. */
  breakConnections(a: string, b: string): void {
    this.trace.add(`net break ${a} ${b}`);
    for (const connection of this.#between(a, b)) connection.break('connection reset');
  }

  /** The node's end of the network in one life. */
  transport(life: Incarnation): NodeTransport {
    const acceptors = new Map<Purpose, Acceptor>();
    return {
      open: (to, method) => this.open(life, to, method),
      acceptApp: (purpose, acceptor) => void acceptors.set(purpose, acceptor),
      accept: (method, acceptor) => void acceptors.set(method, acceptor as Acceptor),
      isDown: (node) => this.#isDown(life, node),
      start: async () => void this.#listening.set(life.node, { life, acceptors }),
      stop: async () => {
        if (this.#listening.get(life.node)?.life === life) this.#listening.delete(life.node);
        for (const connection of this.#connections) connection.closeEndOf(life, 'the transport stops');
      },
    };
  }

  /** A stream from one life to whatever listens at a node when the opening arrives there. */
  open(life: Incarnation, to: string, purpose: Purpose): PeerStream {
    const name = `${life.node}>${to} ${purpose} #${++this.#streams}`;
    const connection = new SimConnection(this, { name, opener: life, to }, () => {
      const listening = this.#listening.get(to);
      const acceptor = listening?.acceptors.get(purpose);
      if (listening === undefined || acceptor === undefined || !listening.life.alive) return undefined;
      return { life: listening.life, accept: (stream) => acceptor(stream, life.node as never) };
    });
    this.#connections.add(connection);
    connection.onOver = () => this.#connections.delete(connection);
    connection.begin();
    return connection.opened;
  }

  /** A machine whose process has ended refuses connections at once; behind a link that is cut nothing is heard of it. */
  async #isDown(life: Incarnation, node: string): Promise<boolean> {
    if (node === life.node) return false;
    const [there, back] = [this.link(life.node, node), this.link(node, life.node)];
    await new Promise<void>(
      (resolve) => void life.runtime.timers.after(there.latencyMs + back.latencyMs, resolve),
    );
    if (there.cut || back.cut) return false;
    const isDown = this.#listening.get(node)?.life.alive !== true;
    if (isDown) this.counts.add('sequencers that were found to be down');
    return isDown;
  }

  #between(a: string, b: string): SimConnection[] {
    return [...this.#connections].filter(
      ({ from, to }) => (from === a && to === b) || (from === b && to === a),
    );
  }
}
