import { keyspaceName, type NodeId, type RegionId } from '../../../src/model/ids.js';
import { Counts } from './counts.js';
import { Network } from './network.js';
import { SeededRandom } from './seeded-random.js';
import type { Exchange } from './sim-place.js';
import { drawEtcd } from './etcd-shape.js';
import { SimEtcd } from './sim-etcd.js';
import { SimNode, type ClusterPlan } from './sim-node.js';
import type { Wraps } from './wraps.js';
import { distanceMs, drawTopology, keyspaceNames, type Topology } from './topology.js';
import { Trace } from './trace.js';
import { drawUpkeep, type Upkeep } from './upkeep.js';
import { VirtualTime } from './virtual-time.js';
import { durableHead, standingOf, WrittenLogs, type WrittenLog } from './written-logs.js';

export { keyspaceNames };

/** A request, or what else waits, took longer than any fault can explain. */
export class Stuck extends Error {
  override readonly name = 'Stuck';
}

export interface WorldOptions {
  /** What is broken on purpose. */
  readonly wraps?: Wraps | undefined;
  /** In any case one keyspace at least has its log in etcd. */
  readonly wantsEtcd?: boolean;
}

/** Three regions, each of one or two nodes, on one virtual clock. Everything in it is a function of its seed. */
export class World {
  readonly time = new VirtualTime();
  readonly trace = new Trace(this.time);
  readonly counts = new Counts();
  readonly random: SeededRandom;
  readonly network: Network;
  readonly nodes: readonly SimNode[];
  readonly topology: Topology;
  /** Places outside of the cluster, from which apps reach all nodes. */
  readonly apps: { readonly name: string; readonly region: RegionId }[] = [];
  /** Undefined in a world whose logs all lie at their homes. */
  readonly etcd: SimEtcd | undefined;
  /** Keyspaces whose log is in etcd. */
  readonly shared: ReadonlySet<string>;
  /** What was ever written of each log, by its home or into etcd, whatever of it is still kept. */
  readonly logs = new WrittenLogs();
  /** What went wrong with copies, noted at once. */
  readonly violations: string[] = [];
  readonly upkeep: Upkeep;
  /** Nothing more goes wrong from now on. */
  atPeace = false;
  /** Of errors that no one in the world expects, the first. */
  #broken: Error | undefined;

  constructor(seed: number, { wraps = {}, wantsEtcd = false }: WorldOptions = {}) {
    this.random = new SeededRandom(`seed ${seed}`);
    const { time, trace, counts } = this;
    this.network = new Network({ time, trace, counts, random: this.random.fork('network') });
    this.topology = drawTopology(this.random.fork('topology'));
    const { places, homes } = this.topology;
    places.forEach((a, i) => {
      for (const b of places.slice(i + 1)) this.network.connect(a.id, b.id, distanceMs(a, b));
    });
    this.upkeep = drawUpkeep(this.random.fork('upkeep'));
    const shape = drawEtcd(this.random.fork('etcd'), wantsEtcd);
    this.shared = shape.keyspaces;
    if (this.shared.size > 0) {
      const isAtHome = (node: string, keyspace: string): boolean =>
        this.homeOf(keyspace).region === places.find(({ id }) => id === node)!.region;
      const { logs: written, violations } = this;
      const heldAfterTrim = (keyspace: string, position: number): string[] =>
        this.#heldAfterTrim(keyspace, position);
      const watching = { places, written, violations, counts, isAtHome, heldAfterTrim };
      this.etcd = new SimEtcd(shape, this.network, watching);
    }
    const plan: ClusterPlan = {
      upkeep: this.upkeep,
      nodes: places.map((place) => ({ ...place, httpAddress: place.id })),
      keyspaces: [...homes].map(([name, homeNode]) => {
        const home = places.find(({ id }) => id === homeNode)!.region;
        return { name: keyspaceName(name), homeNode, home };
      }),
      etcd: this.etcd,
      shared: this.shared,
      wraps,
      watch: (node, keyspace) => ({
        wrote: this.isLog(node, keyspace) ? (batch) => this.logs.wrote(keyspace, batch) : () => undefined,
        exchanged: (exchange) => this.#exchanged(`${node}/${keyspace}`, this.logs.of(keyspace), exchange),
      }),
    };
    this.nodes = places.map((place) => new SimNode(place, plan, this.network));
  }

  /** Whether a node's copy of a keyspace is the log itself. */
  isLog(node: NodeId, keyspace: string): boolean {
    return !this.shared.has(keyspace) && this.topology.homes.get(keyspace) === node;
  }

  /**
   * Whether a node's copy of a keyspace may be lost: it is not the log itself, and what is not in etcd any more, or will not be when
   * a trim that is on its way has come, is held by another node, whole and durably. That two disks are lost at once is more
   * than is promised.
   */
  isSpare(node: SimNode, keyspace: string): boolean {
    if (!this.shared.has(keyspace)) return !this.isLog(node.id, keyspace);
    const before = this.etcd!.oldestSoonOf(keyspace) - 1;
    return this.#holders(keyspace, before).some((other) => other !== node);
  }

  /** Who has every entry up to a position on its disk, for sure and undamaged. */
  #holders(keyspace: string, position: number): readonly SimNode[] {
    return this.nodes.filter(
      (node) => !node.placeOf(keyspace).isDamaged && this.#hasWritten(node, keyspace, position),
    );
  }

  #hasWritten(node: SimNode, keyspace: string, position: number): boolean {
    const head = durableHead(node.placeOf(keyspace).current);
    if (head === undefined) return position < 0;
    return head.position >= position && this.logs.of(keyspace).holds(head);
  }

  /**
   * Two regions hold what goes, or have held it: that a disk is lost afterwards is no fault of the trim, nor that one is damaged and
   * nobody has noticed.
   */
  #heldAfterTrim(keyspace: string, position: number): string[] {
    const holders = this.nodes.filter(
      (node) => node.placeOf(keyspace).heldBefore >= position || this.#hasWritten(node, keyspace, position),
    );
    const regions = new Set(holders.map(({ region }) => region));
    if (regions.size >= 2) return [];
    return [`entry ${position} is trimmed, and held in ${[...regions].join() || 'no region'} alone`];
  }

  #exchanged(about: string, log: WrittenLog, { before, after, setAside, givenUp }: Exchange): void {
    const is = standingOf(after);
    const was = setAside ? undefined : standingOf(before);
    this.trace.add(`${about}: the copy of ${was?.position ?? -1} gives way to one of ${is?.position ?? -1}`);
    this.counts.add(setAside ? 'copies set aside' : 'copies replaced');
    if (is === undefined || !log.holds(is))
      this.violations.push(`${about}: a copy that is not of the log takes its place`);
    if (was !== undefined && (givenUp || !log.holds(was)))
      this.violations.push(
        `${about}: a copy at ${was.position} was removed that is not of the log, or was given up`,
      );
  }

  /** Another place on the network, in a region. */
  addApp(name: string, region: RegionId): void {
    this.apps.push({ name, region });
    for (const place of this.topology.places)
      this.network.connect(name, place.id, distanceMs({ region }, place));
  }

  homeOf(keyspace: string): SimNode {
    return this.node(this.topology.homes.get(keyspace)!);
  }

  /** Who sequences a keyspace: its home, or who leads by etcd's word; undefined when none does. */
  sequencerOf(keyspace: string): SimNode | undefined {
    if (!this.shared.has(keyspace)) return this.homeOf(keyspace);
    const leader = this.etcd?.logs.leaderOf(keyspace);
    return leader?.alive === true ? this.node(leader.node as NodeId) : undefined;
  }

  node(id: NodeId): SimNode {
    return this.nodes.find((node) => node.id === id)!;
  }

  delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.time.after(delayMs, resolve));
  }

  /** The answer, or `instead` when it has not come within `withinMs`. */
  within<T, U>(withinMs: number, answer: Promise<T>, instead: U): Promise<T | U> {
    return new Promise((resolve, reject) => {
      const cancel = this.time.after(withinMs, () => resolve(instead));
      answer.finally(cancel).then(resolve, reject);
    });
  }

  /** Work that runs by itself; what it throws ends the run. */
  spawn(work: Promise<unknown>): void {
    work.catch(
      (error: unknown) => (this.#broken ??= error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Waits, in virtual time. Throws Stuck when the condition does not hold within `withinMs`. */
  async until(what: string, holds: () => boolean, withinMs: number): Promise<void> {
    const endMs = this.time.nowMs + withinMs;
    while (!holds()) {
      if (this.time.nowMs >= endMs) throw new Stuck(`${what}: not within ${withinMs} ms`);
      await this.delay(40);
    }
  }

  /** Moves time until the scenario has ended. */
  async run(scenario: (world: World) => Promise<void>): Promise<void> {
    let ended = false;
    const running = scenario(this).finally(() => (ended = true));
    running.catch(() => undefined);
    await this.time.run(() => {
      if (this.#broken !== undefined) throw this.#broken;
      return ended;
    });
    await running;
  }

  /** Begins every history and starts every node. */
  async start(): Promise<void> {
    for (const node of this.nodes) await node.init();
    for (const node of this.nodes) this.spawn(node.start());
    await this.until('all keyspaces are served everywhere', () => this.allWritable(), 20_000);
  }

  allWritable(): boolean {
    return this.nodes.every(({ running }) =>
      running?.keyspaces().every((keyspace) => {
        const { state, writable } = keyspace.status();
        return writable && state === 'synced';
      }),
    );
  }

  /** The end of whatever still runs, so that the next world has the process for itself. */
  end(): void {
    for (const node of this.nodes) node.crash();
  }
}
