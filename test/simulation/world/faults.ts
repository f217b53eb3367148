import type { History } from '../workload/history.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimNode } from './sim-node.js';
import { keyspaceNames, type World } from './world.js';

/** What goes wrong in a world, drawn from its seed: crashes, cuts, broken connections, clocks, disks. */
export class Faults {
  readonly #world: World;
  readonly #history: History;
  readonly #random: SeededRandom;
  #over = false;

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
    this.#random = world.random.fork('faults');
  }

  /** One fault after another, some of them at once, until `end`. */
  start(): void {
    this.#world.spawn(this.#go());
  }

  async #go(): Promise<void> {
    const random = this.#random;
    while (!this.#over) {
      await this.#world.delay(random.between(100, 8000));
      if (this.#over) return;
      random.weighted<() => void>([
        [3, () => this.#crash(random.pick(this.#world.nodes))],
        [3, () => this.#world.spawn(this.#crashBusyHome())],
        [1, () => this.#world.spawn(this.#restart(random.pick(this.#world.nodes)))],
        [1, () => this.#freeze(random.pick(this.#world.nodes))],
        [0.3, () => this.#world.nodes.forEach((node) => this.#crash(node))],
        [2, () => this.#partition()],
        [3, () => this.#breakConnections()],
        [2, () => this.#skew()],
        [2, () => this.#failWrite()],
      ])();
    }
  }

  /** No more faults: links are whole, clocks right, every node runs. What is broken for good is thrown. */
  end(): void {
    this.#over = true;
    this.#world.network.heal();
    for (const node of this.#world.nodes) {
      node.wall.skewMs = 0;
      for (const disk of node.disks.values()) disk.faults.length = 0;
      if (!node.started) this.#world.spawn(node.start());
    }
  }

  #crash(node: SimNode): void {
    if (!node.started) return;
    node.crash();
    this.#history.count('crashes');
    const downMs = this.#random.weighted([
      [3, this.#random.between(50, 1000)],
      [1, this.#random.between(1000, 12_000)],
    ]);
    this.#world.time.after(downMs, () => {
      if (!node.started) this.#world.spawn(node.start());
    });
  }

  async #restart(node: SimNode): Promise<void> {
    if (node.running === undefined) return;
    this.#history.count('orderly restarts');
    // A crash in between ends the stop without an answer; then the crash starts the node again.
    await node.stop();
    if (!node.started) await node.start();
  }

  /** A home, at a moment when its disk writes. */
  async #crashBusyHome(): Promise<void> {
    const keyspace = this.#random.pick(keyspaceNames);
    const home = this.#world.homeOf(keyspace);
    for (let tries = 0; tries < 200 && !this.#over; tries++) {
      if (home.running !== undefined && home.disks.get(keyspace)!.inFlight > 0) {
        this.#history.count('home crashes with commits in flight');
        return this.#crash(home);
      }
      await this.#world.delay(1.7);
    }
  }

  #partition(): void {
    const { network, nodes } = this.#world;
    const alone = this.#random.pick(nodes);
    const others = nodes.filter((node) => node !== alone);
    const cut = this.#random.chance(0.5) ? others : [this.#random.pick(others)];
    const oneWay = this.#random.weighted([
      [2, 'both'],
      [1, 'out'],
      [1, 'in'],
    ] as const);
    for (const other of cut) {
      if (oneWay !== 'in') network.cut(alone.id, other.id);
      if (oneWay !== 'out') network.cut(other.id, alone.id);
    }
    this.#history.count('partitions');
    this.#world.time.after(this.#random.between(200, 14_000), () => network.heal());
  }

  /** As by SIGSTOP; when it lasts, the others' pings go unanswered. */
  #freeze(node: SimNode): void {
    if (node.running === undefined) return;
    const forMs = this.#random.between(100, 7000);
    this.#world.trace.add(`${node.id} freezes for ${forMs} ms`);
    node.freeze(forMs);
    this.#history.count('frozen nodes');
    if (forMs < 2500) return;
    const { network, nodes } = this.#world;
    for (const other of nodes) {
      if (other === node) continue;
      network.cut(node.id, other.id);
      network.cut(other.id, node.id);
    }
    this.#world.time.after(forMs, () => network.heal());
  }

  #breakConnections(): void {
    const [a, b] = [this.#random.pick(this.#world.nodes), this.#random.pick(this.#world.nodes)];
    this.#world.network.breakConnections(a.id, b.id);
    this.#history.count('broken connections');
  }

  #skew(): void {
    const node = this.#random.pick(this.#world.nodes);
    const furthestMs = this.#random.chance(0.2) ? 15_000 : 4000;
    node.wall.skewMs = this.#random.between(-furthestMs, furthestMs);
    this.#world.trace.add(`${node.id}: its clock is ${node.wall.skewMs} ms off`);
    this.#history.count('clock changes');
  }

  #failWrite(): void {
    const node = this.#random.pick(this.#world.nodes);
    const keyspace = this.#random.pick(keyspaceNames);
    const fault = this.#random.pick(['lost', 'written', 'poisoned'] as const);
    const disk = node.disks.get(keyspace)!;
    disk.faults.push(fault);
    if (this.#random.chance(0.3)) disk.openFaults.push(new Error('injected: the disk does not open'));
    this.#world.trace.add(`${node.id}/${keyspace}: the next write fails: ${fault}`);
    this.#history.count('failing writes');
  }
}
