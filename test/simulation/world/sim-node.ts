import { initHistory } from '../../../src/ordering/embedded/init-history.js';
import { EtcdLog } from '../../../src/ordering/etcd/etcd-log.js';
import { initEtcdHistory } from '../../../src/ordering/etcd/init-etcd-history.js';
import type { OrderedLog } from '../../../src/ordering/ordered-log.js';
import { mintKeyspaceId, type KeyspaceName, type NodeId, type RegionId } from '../../../src/model/ids.js';
import { MeridianNode } from '../../../src/server/node.js';
import { openKeyspaceStore } from '../../../src/storage/keyspace-store.js';
import type { StorePlace } from '../../../src/storage/store-place.js';
import { Incarnation, type WallClock } from './incarnation.js';
import type { Network } from './network.js';
import { prefixOf } from './etcd-keys.js';
import type { SimEtcd } from './sim-etcd.js';
import { offerApi } from './sim-api.js';
import { SimPlace, type PlaceWatch } from './sim-place.js';
import type { Place } from './topology.js';
import type { Upkeep } from './upkeep.js';
import type { Wraps } from './wraps.js';

/** Until a process that ended at its start is started again, ms. */
const restartMs = 1000;

/** What becomes of a call to a node that dies, or does not run. */
export const lost = Symbol('lost');
export type Lost = typeof lost;

export interface ClusterPlan {
  readonly nodes: readonly { readonly id: NodeId; readonly region: RegionId; readonly httpAddress: string }[];
  readonly keyspaces: readonly {
    readonly name: KeyspaceName;
    readonly homeNode: NodeId;
    readonly home: RegionId;
  }[];
  readonly upkeep: Upkeep;
  readonly etcd: SimEtcd | undefined;
  /** Keyspaces whose log is in etcd. */
  readonly shared: ReadonlySet<string>;
  readonly wraps: Wraps;
  readonly watch: (node: NodeId, keyspace: KeyspaceName) => PlaceWatch;
}

/** A node of a simulated cluster: disks and a clock that outlive it, and at most one life at a time. */
export class SimNode {
  readonly id: NodeId;
  readonly region: RegionId;
  readonly wall: WallClock = { skewMs: 0 };
  readonly places = new Map<string, SimPlace>();
  readonly #plan: ClusterPlan;
  readonly #network: Network;
  #life: Incarnation | undefined;
  #running: MeridianNode | undefined;
  #lives = 0;

  constructor({ id, region }: Place, plan: ClusterPlan, network: Network) {
    this.id = id;
    this.region = region;
    this.#plan = plan;
    this.#network = network;
    for (const { name } of plan.keyspaces) {
      const random = network.random.fork(`disk/${id}/${name}`);
      this.places.set(name, new SimPlace(random, plan.watch(id, name)));
    }
  }

  placeOf(keyspace: string): SimPlace {
    return this.places.get(keyspace)!;
  }

  /** Names the copy of a keyspace that the node has now: a node without its copy may show what is older. */
  copyOf(keyspace: string): string {
    return `copy ${this.placeOf(keyspace).losses} of ${this.id}`;
  }

  /** The running node, when there is one. */
  get running(): MeridianNode | undefined {
    return this.#running;
  }

  get started(): boolean {
    return this.#life !== undefined;
  }

  /** Begins the histories of the keyspaces whose home this is. */
  async init(): Promise<void> {
    const life = this.#newLife();
    const { keyspaces, shared, etcd } = this.#plan;
    const { random, clock, logger } = life.runtime;
    for (const { name, homeNode } of keyspaces) {
      if (homeNode !== this.id) continue;
      const beginning = {
        keyspaceId: mintKeyspaceId(random.bytes(16)),
        keyspace: name,
        nowMs: clock.nowMs(),
        nonce: Buffer.from(random.bytes(16)),
      };
      if (shared.has(name)) {
        await initEtcdHistory(etcd!.model.client(), prefixOf(name), beginning);
        continue;
      }
      const place = this.#placeIn(name, life);
      const store = await openKeyspaceStore(() => place.openCurrent(), logger);
      await initHistory(store, beginning);
      await store.close();
    }
    life.die();
  }

  /**
   * Opens the stores and runs; what is wrong with them is thrown, but for a disk that takes nothing now: then the process
   * ends, and is started again. Does nothing when it was killed meanwhile.
   */
  async start(): Promise<void> {
    const life = this.#newLife();
    this.#life = life;
    try {
      await this.#open(life);
    } catch (error) {
      if (!String(error).includes('injected fault')) throw error;
      this.#network.trace.add(`${this.id} could not start: ${String(error)}`);
      this.#network.counts.add('starts that failed');
      if (this.#life === life) this.crash();
      await new Promise<void>((resolve) => void this.#network.time.after(restartMs, resolve));
      if (!this.started) await this.start();
    }
  }

  async #open(life: Incarnation): Promise<void> {
    this.#network.trace.add(`${this.id} starts`);
    for (const place of this.places.values()) for (const disk of place.disks) disk.openFaults.length = 0;
    const { nodes, keyspaces, upkeep, shared } = this.#plan;
    const transport = this.#network.transport(life);
    const node = await MeridianNode.open({
      cluster: 'simulated',
      version: '0',
      self: this.id,
      nodes,
      keyspaces: keyspaces.map((keyspace) => ({
        ...keyspace,
        place: this.#placeIn(keyspace.name, life),
        ...(shared.has(keyspace.name) && { sharedLog: this.#sharedLog(keyspace.name, life) }),
      })),
      compare: 'reachable',
      retention: upkeep.retention,
      checksEveryMs: upkeep.checksEveryMs,
      transport,
      runtime: life.runtime,
    });
    await node.start();
    if (!life.alive) return;
    this.#running = node;
    offerApi(node, life.runtime, transport);
  }

  #sharedLog(keyspace: string, life: Incarnation): () => OrderedLog {
    const { etcd, wraps } = this.#plan;
    const client = etcd!.client(life);
    const kv = wraps.kv?.(client) ?? client;
    const runtime = { ...life.runtime, logger: life.runtime.logger.child({ keyspace }) };
    const { leaseMs } = etcd!;
    return () => {
      const log = new EtcdLog({ kv, prefix: prefixOf(keyspace), self: this.id, leaseMs, runtime });
      return wraps.log?.(log) ?? log;
    };
  }

  /** Nothing that was in memory is left, and of what was being written only what had reached the disk. */
  crash(): void {
    if (this.#life === undefined) return;
    this.#network.trace.add(`${this.id} crashes`);
    this.#life.die();
    this.#life = undefined;
    this.#running = undefined;
    for (const place of this.places.values()) place.crash();
  }

  freeze(forMs: number): void {
    this.#life?.freeze(forMs);
  }

  /** An orderly end, as by SIGTERM. Whoever has a call under way gets an answer or none. */
  async stop(): Promise<void> {
    const life = this.#life;
    const node = this.#running;
    if (life === undefined || node === undefined) return;
    this.#running = undefined;
    this.#network.trace.add(`${this.id} stops`);
    await node.stop();
    this.#network.trace.add(`${this.id} has stopped`);
    if (this.#life === life) this.crash();
  }

  /** What a client on the node's own machine gets: the answer, or nothing when the node dies before. */
  call<T>(work: (node: MeridianNode) => Promise<T>): Promise<T | Lost> {
    const node = this.#running;
    const life = this.#life;
    if (node === undefined || life === undefined) return Promise.resolve(lost);
    return new Promise((resolve, reject) => {
      const forget = life.onDeath(() => resolve(lost));
      work(node).then(
        (answer) => {
          forget();
          resolve(answer);
        },
        (error: unknown) => {
          forget();
          reject(error as Error);
        },
      );
    });
  }

  #placeIn(keyspace: string, life: Incarnation): StorePlace {
    const place = this.places.get(keyspace)!.of(life);
    return this.#plan.wraps.place?.(place) ?? place;
  }

  #newLife(): Incarnation {
    const { time, trace, random } = this.#network;
    const lifeRandom = random.fork(`${this.id}/life ${++this.#lives}`);
    return new Incarnation(this.id, { time, trace, random: lifeRandom, wall: this.wall });
  }
}
