import { copyFaults } from './copy-faults.js';
import { etcdFaults } from './etcd-faults.js';
import type { Fault } from './fault.js';
import type { SeededRandom } from './seeded-random.js';
import { etcdName } from './sim-etcd.js';
import type { SimNode } from './sim-node.js';
import { keyspaceNames, type World } from './world.js';

/** What goes wrong in a world, drawn from its seed: crashes, cuts, broken connections, slowness, clocks, disks. */
export class Faults {
  readonly #world: World;
  readonly #random: SeededRandom;
  /** Apart from the rest. */
  readonly #hanging: SeededRandom;
  readonly #faults: readonly (readonly [number, Fault])[];
  readonly #gapMsMax: number;

  /** Each world has kinds of its own that it prefers, and others that it has not: together they would hide each other. */
  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork('faults');
    this.#hanging = world.random.fork('hanging disks');
    const random = this.#random;
    this.#gapMsMax = random.pick([3000, 6000, 10_000]);
    const drawn = this.#kinds()
      .filter(({ isPossible }) => isPossible !== false)
      .map((fault) => [fault.weight * random.pick([0, 1, 1, 4]), fault] as const);
    this.#faults = drawn.some(([weight]) => weight > 0) ? drawn : drawn.map(([, fault]) => [1, fault]);
  }

  #kinds(): Fault[] {
    const { nodes, apps } = this.#world;
    const isPossible = apps.length > 0;
    const node = (): SimNode => this.#random.pick(nodes);
    return [
      { name: 'crashes', weight: 3, strike: () => this.#crash(node()) },
      { name: 'crashes of a busy home', weight: 3, strike: () => this.#world.spawn(this.#crashBusyHome()) },
      { name: 'crashes of all nodes', weight: 0.5, strike: () => nodes.forEach((one) => this.#crash(one)) },
      { name: 'orderly restarts', weight: 1.5, strike: () => this.#world.spawn(this.#restart(node())) },
      { name: 'frozen nodes', weight: 1, strike: () => this.#freeze(node()) },
      { name: 'slow nodes', weight: 1, strike: () => this.#world.spawn(this.#slowDown(node())) },
      { name: 'partitions', weight: 2, strike: () => this.#partition('both') },
      { name: 'one-way cuts', weight: 2, strike: () => this.#partition(this.#random.pick(['in', 'out'])) },
      { name: 'broken connections', weight: 3, strike: () => this.#breakConnections() },
      { name: 'broken connections of apps', weight: 2, isPossible, strike: () => this.#breakApp() },
      { name: 'apps cut off', weight: 1, isPossible, strike: () => this.#cutApp() },
      { name: 'unsteady links', weight: 2, strike: () => this.#unsteady() },
      { name: 'clock changes', weight: 2, strike: () => this.#skew() },
      { name: 'failing writes', weight: 2, strike: () => this.#failWrite() },
      { name: 'slow disks', weight: 1, strike: () => this.#slowDisk(node()) },
      { name: 'full disks', weight: 1, strike: () => this.#fillDisk(node()) },
      ...copyFaults({
        world: this.#world,
        random: this.#random,
        crash: (one, downMs) => this.#crash(one, downMs),
      }),
      ...etcdFaults({
        world: this.#world,
        random: this.#random,
        crash: (one, downMs) => this.#crash(one, downMs),
      }),
    ];
  }

  /** One fault after another, some of them at once, until `end`. */
  start(): void {
    this.#world.spawn(this.#go());
  }

  async #go(): Promise<void> {
    const { counts, trace } = this.#world;
    for (;;) {
      await this.#world.delay(this.#random.between(100, this.#gapMsMax));
      if (this.#world.atPeace) return;
      const { name, strike } = this.#random.weighted(this.#faults);
      trace.add(`fault: ${name}`);
      counts.add(name);
      counts.add('faults');
      strike();
    }
  }

  /** No more faults: links are whole, clocks right, every node runs. What is broken for good is thrown. */
  end(): void {
    this.#world.atPeace = true;
    this.#world.network.heal();
    this.#world.network.unsteadyMs = 0;
    this.#world.etcd?.mend();
    for (const node of this.#world.nodes) {
      node.wall.skewMs = 0;
      for (const place of node.places.values()) place.mend();
      if (!node.started) this.#world.spawn(node.start());
    }
  }

  #crash(node: SimNode, downMs = this.#drawDownMs()): void {
    if (!node.started) return;
    node.crash();
    this.#world.time.after(downMs, () => {
      if (!node.started) this.#world.spawn(node.start());
    });
  }

  #drawDownMs(): number {
    return this.#random.weighted([
      [3, this.#random.between(50, 1000)],
      [1, this.#random.between(1000, 12_000)],
    ]);
  }

  async #restart(node: SimNode): Promise<void> {
    if (node.running === undefined) return;
    // A crash in between ends the stop without an answer; then the crash starts the node again.
    await node.stop();
    if (!node.started) await node.start();
  }

  /** A home, at a moment when its disk writes; who leads by etcd, at a moment when it appends or applies. */
  async #crashBusyHome(): Promise<void> {
    const keyspace = this.#random.pick(keyspaceNames);
    for (let tries = 0; tries < 200 && !this.#world.atPeace; tries++) {
      const home = this.#world.sequencerOf(keyspace);
      if (
        home?.running !== undefined &&
        (home.placeOf(keyspace).inFlight > 0 || this.#isAppending(keyspace))
      ) {
        this.#world.counts.add('home crashes with commits in flight');
        return this.#crash(home);
      }
      await this.#world.delay(1.7);
    }
  }

  #isAppending(keyspace: string): boolean {
    const { etcd } = this.#world;
    const leader = etcd?.logs.leaderOf(keyspace);
    return leader !== undefined && etcd!.isAppending(leader);
  }

  /** One node, or the nodes of its region together, against all others or one of them. */
  #partition(way: 'both' | 'in' | 'out'): void {
    const { network, nodes } = this.#world;
    const first = this.#random.pick(nodes);
    const isRegion = this.#random.chance(0.5);
    const alone = nodes.filter((node) => (isRegion ? node.region === first.region : node === first));
    const others = nodes.filter((node) => !alone.includes(node));
    const cut = this.#random.chance(0.5) ? others : [this.#random.pick(others)];
    const withEtcd = this.#world.etcd !== undefined && this.#random.chance(0.5);
    for (const node of alone) {
      for (const other of [...cut.map(({ id }) => id), ...(withEtcd ? [etcdName] : [])]) {
        if (way !== 'in') network.cut(node.id, other);
        if (way !== 'out') network.cut(other, node.id);
      }
    }
    this.#world.time.after(this.#random.between(200, 14_000), () => network.heal());
  }

  /** As by SIGSTOP; when it lasts, the others' pings go unanswered. */
  #freeze(node: SimNode): void {
    if (node.running === undefined) return;
    const forMs = this.#random.between(100, 7000);
    node.freeze(forMs);
    if (forMs < 2500) return;
    const { network, nodes } = this.#world;
    for (const other of nodes) {
      if (other === node) continue;
      network.cut(node.id, other.id);
      network.cut(other.id, node.id);
    }
    this.#world.time.after(forMs, () => network.heal());
  }

  /** A process that gets a part of the time only. */
  async #slowDown(node: SimNode): Promise<void> {
    const endMs = this.#world.time.nowMs + this.#random.between(500, 8000);
    while (this.#world.time.nowMs < endMs && !this.#world.atPeace) {
      node.freeze(this.#random.between(20, 200));
      await this.#world.delay(this.#random.between(60, 300));
    }
  }

  #breakConnections(): void {
    const [a, b] = [this.#random.pick(this.#world.nodes), this.#random.pick(this.#world.nodes)];
    this.#world.network.breakConnections(a.id, b.id);
  }

  #breakApp(): void {
    const { network, apps, nodes } = this.#world;
    const { name } = this.#random.pick(apps);
    for (const node of nodes) if (this.#random.chance(0.7)) network.breakConnections(name, node.id);
  }

  /** From one node, or from all of them; of one way or both. */
  #cutApp(): void {
    const { network, apps, nodes, time } = this.#world;
    const { name } = this.#random.pick(apps);
    const way = this.#random.pick(['both', 'in', 'out'] as const);
    for (const { id } of this.#random.chance(0.3) ? nodes : [this.#random.pick(nodes)]) {
      if (way !== 'in') network.cut(name, id);
      if (way !== 'out') network.cut(id, name);
    }
    time.after(this.#random.between(200, 8000), () => network.heal());
  }

  /** What is sent takes now long, now short: streams overtake each other. */
  #unsteady(): void {
    const { network, time } = this.#world;
    network.unsteadyMs = this.#random.between(50, 900);
    time.after(this.#random.between(1000, 12_000), () => (network.unsteadyMs = 0));
  }

  #skew(): void {
    const node = this.#random.pick(this.#world.nodes);
    const furthestMs = this.#random.chance(0.2) ? 15_000 : 4000;
    node.wall.skewMs = this.#random.between(-furthestMs, furthestMs);
    // Clocks that are too far apart stop the writes of a keyspace for as long as they are.
    if (furthestMs > 4000)
      this.#world.time.after(this.#random.between(500, 10_000), () => (node.wall.skewMs /= 4));
    this.#world.trace.add(`${node.id}: its clock is ${node.wall.skewMs} ms off`);
  }

  #failWrite(): void {
    const node = this.#random.pick(this.#world.nodes);
    const keyspace = this.#random.pick(keyspaceNames);
    const fault = this.#random.pick(['lost', 'written', 'poisoned'] as const);
    const disk = this.#random.pick(node.placeOf(keyspace).disks);
    disk.faults.push(fault);
    if (this.#random.chance(0.3)) disk.openFaults.push(new Error('injected fault: the disk does not open'));
    this.#world.trace.add(`${node.id}/${keyspace}: the next write fails: ${fault}`);
  }

  #slowDisk(node: SimNode): void {
    if (this.#hanging.chance(0.5)) return this.#hangDisk(node);
    const places = [...node.places.values()];
    for (const { health } of places) health.slowMs = this.#random.between(20, 400);
    this.#world.time.after(this.#random.between(500, 6000), () =>
      places.forEach(({ health }) => (health.slowMs = 0)),
    );
  }

  /** Of who leads, where nodes share a log; mostly for long enough that it gives its roles up. */
  #hangDisk(struck: SimNode): void {
    const { time, counts, nodes, etcd } = this.#world;
    const leads = ({ id }: SimNode): boolean =>
      keyspaceNames.some((name) => etcd?.logs.leaderOf(name)?.node === id);
    const leading = this.#hanging.chance(0.9) ? nodes.filter(leads) : [];
    const node = leading.length > 0 ? this.#hanging.pick(leading) : struck;
    const places = [...node.places.values()];
    counts.add('hanging disks');
    for (const { health } of places) health.hanging = true;
    time.after(this.#hanging.between(1000, 20_000), () =>
      places.forEach(({ health }) => (health.hanging = false)),
    );
  }

  /** Every write fails; when there is room again, what the same open database writes may be lost all the same. */
  #fillDisk(node: SimNode): void {
    const places = [...node.places.values()];
    for (const { health } of places) health.full = true;
    this.#world.time.after(this.#random.between(200, 6000), () =>
      places.forEach(({ health }) => (health.full = false)),
    );
  }
}
