import { nonceBytes } from '../../src/model/entry.js';
import {
  keyspaceName,
  mintKeyspaceId,
  nodeId,
  regionId,
  type KeyspaceId,
  type NodeId,
  type RegionId,
} from '../../src/model/ids.js';
import { defaultRetention, type Retention } from '../../src/model/retention.js';
import { initHistory } from '../../src/ordering/embedded/init-history.js';
import { EtcdKeys } from '../../src/ordering/etcd/etcd-keys.js';
import { EtcdError, type EtcdKv } from '../../src/ordering/etcd/etcd-kv.js';
import { EtcdLog } from '../../src/ordering/etcd/etcd-log.js';
import { initEtcdHistory } from '../../src/ordering/etcd/init-etcd-history.js';
import { ReplaceableEtcdLog } from '../../src/ordering/etcd/replaceable-etcd-log.js';
import { silentLogger, type Logger, type Runtime } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import type { KeyspaceNode } from '../../src/server/keyspace-node.js';
import { MeridianNode, type NodeKeyspace } from '../../src/server/node.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import type { LocalKeyspace } from '../../src/transaction/keyspace-service.js';
import type { KeyspaceAdmin, KeyspaceService } from '../../src/transaction/service.js';
import { ControlledNetwork } from './controlled-network.js';
import { EtcdModel } from './etcd-model.js';
import { eventually } from './eventually.js';
import { FaultyDisk } from './faulty-database.js';
import { MemoryPlace } from './memory-place.js';
import { valueOf } from './requests.js';

export interface ClusterOptions {
  /** The first is the home. */
  readonly nodes?: readonly string[];
  /** Of nodes that share one; every other is of a region of its own name. */
  readonly regions?: Readonly<Record<string, string>>;
  readonly compare?: 'reachable' | 'all';
  /** How much faster than real its clocks and timers run. */
  readonly speed?: number;
  /** Nodes that are not started with the others. */
  readonly down?: readonly string[];
  /** Whether the home's history is begun. */
  readonly init?: boolean;
  readonly logger?: Logger;
  readonly retention?: Retention;
  readonly checksEveryMs?: number;
  /** The nodes share the log: an etcd in memory, whose leases run out by the cluster's clock. */
  readonly shared?: boolean;
}

const name = keyspaceName('default');
const prefix = '/meridian/test/default/';
const leaseMs = 2000;

/** Nodes of one process with one keyspace, over databases in memory that outlive a restart and links that obey a test. */
export class InProcessCluster {
  readonly network: ControlledNetwork;
  readonly home: string;
  readonly history: KeyspaceId;
  readonly runtime: Runtime;
  /** Added to a node's wall clock, ms. */
  readonly clockOffsetMs = new Map<string, number>();
  readonly #options: ClusterOptions;
  readonly #names: readonly string[];
  readonly #places: Map<string, MemoryPlace>;
  readonly #nodes = new Map<string, MeridianNode>();
  /** Under the log that nodes share; another in its place is what they find from then on. */
  etcd: EtcdModel;
  /** Nodes whose calls to etcd are lost, unexecuted. */
  readonly cutFromEtcd = new Set<string>();

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.#names = options.nodes ?? ['home', 'east', 'west'];
    this.home = this.#names[0]!;
    this.#places = new Map(this.#names.map((node) => [node, new MemoryPlace()]));
    this.runtime = hurrying(options.speed ?? 5, options.logger ?? silentLogger);
    this.network = new ControlledNetwork(this.runtime.timers);
    this.etcd = new EtcdModel({ clock: this.runtime.clock });
    this.history = mintKeyspaceId(this.runtime.random.bytes(16));
  }

  /** Resolves when every started node is synced and writable, unless the cluster cannot come to that. */
  static async start(options: ClusterOptions = {}): Promise<InProcessCluster> {
    const cluster = new InProcessCluster(options);
    if (options.init !== false) await cluster.beginHistory(cluster.home, cluster.history);
    for (const node of cluster.#names)
      if (options.down?.includes(node) !== true) await cluster.startNode(node);
    if (options.init !== false && options.compare !== 'all') await cluster.writable();
    return cluster;
  }

  /** Begins a history in the empty store of a node that is down. */
  async beginHistory(node: string, keyspaceId: KeyspaceId): Promise<void> {
    const { random, clock } = this.runtime;
    if (this.#options.shared === true) {
      const nonce = Buffer.from(random.bytes(nonceBytes));
      await initEtcdHistory(this.etcd.client(), prefix, {
        keyspaceId,
        keyspace: name,
        nowMs: clock.nowMs(),
        nonce,
      });
      return;
    }
    const store = await openKeyspaceStore(this.disk(node).open, silentLogger);
    const nonce = Buffer.from(random.bytes(nonceBytes));
    await initHistory(store, { keyspaceId, keyspace: name, nowMs: clock.nowMs(), nonce });
    await store.close();
  }

  place(node: string): MemoryPlace {
    return this.#places.get(node)!;
  }

  /** That of the current store; another one once a copy has taken its place. */
  disk(node: string): FaultyDisk {
    return this.place(node).current;
  }

  /** Its store is lost, or set back to that of another disk; only of a node that is down. */
  replaceDisk(node: string, disk: FaultyDisk = new FaultyDisk()): void {
    const place = this.place(node);
    place.current = disk;
    place.incoming = undefined;
  }

  async startNode(node: string): Promise<void> {
    const offsetMs = (): number => this.clockOffsetMs.get(node) ?? 0;
    const { clock } = this.runtime;
    const meridian = await MeridianNode.open({
      cluster: 'test',
      version: '0.0.0',
      self: nodeId(node),
      nodes: this.#names.map((id) => ({
        id: nodeId(id),
        region: this.#regionOf(id),
        httpAddress: `http://${id}`,
      })),
      keyspaces: [
        {
          ...{ name, home: this.#regionOf(this.home), homeNode: nodeId(this.home), place: this.place(node) },
          ...(this.#options.shared === true ? this.#shared(node) : {}),
        },
      ],
      compare: this.#options.compare ?? 'reachable',
      retention: this.#options.retention ?? defaultRetention,
      checksEveryMs: this.#options.checksEveryMs ?? 0,
      transport: this.network.transport(nodeId(node)),
      runtime: { ...this.runtime, clock: { ...clock, nowMs: () => clock.nowMs() + offsetMs() } },
    });
    await meridian.start();
    this.#nodes.set(node, meridian);
  }

  #shared(node: string): Pick<NodeKeyspace, 'sharedLog' | 'replaceable'> {
    const { runtime } = this;
    const newKv = (): EtcdKv =>
      this.etcd.client(async (call) => {
        if (this.cutFromEtcd.has(node)) throw new EtcdError('unknown', 'cut off');
        return this.etcd.execute(call);
      });
    return {
      sharedLog: () => new EtcdLog({ kv: newKv(), prefix, self: nodeId(node), leaseMs, runtime }),
      replaceable: new ReplaceableEtcdLog(newKv(), prefix),
    };
  }

  /** Another etcd, with what this one holds now; nobody leads in it. */
  async copyOfEtcd(): Promise<EtcdModel> {
    const copy = new EtcdModel({ clock: this.runtime.clock });
    const { leader } = new EtcdKeys(prefix);
    for (const { key, value } of await this.etcd.client().range({ key: Buffer.of(0), end: Buffer.of(255) })) {
      const success = key.equals(leader) ? [] : [{ put: { key, value } }];
      await copy.client().txn({ compare: [], success, failure: [] });
    }
    return copy;
  }

  /** etcd as it was when the history began; whoever led leads no more. */
  async setEtcdBack(): Promise<void> {
    const keys = new EtcdKeys(prefix);
    const success = [{ delete: { key: keys.log(1), end: keys.logEnd } }, { delete: { key: keys.leader } }];
    await this.etcd.client().txn({ compare: [], success, failure: [] });
  }

  /** The node that sequences now, once there is one. */
  async sequencer(): Promise<string> {
    const sequencing = (): string | undefined =>
      [...this.#nodes.keys()].find((node) => this.node(node).keyspaceNode(name)?.sequencing === true);
    await eventually(() => sequencing() !== undefined, { withinMs: 30_000, what: 'a sequencer' });
    return sequencing()!;
  }

  #regionOf(node: string): RegionId {
    return regionId(this.#options.regions?.[node] ?? node);
  }

  async stopNode(node: string): Promise<void> {
    const running = this.#nodes.get(node);
    this.#nodes.delete(node);
    await running?.stop();
  }

  async stop(): Promise<void> {
    for (const node of [...this.#nodes.keys()]) await this.stopNode(node);
  }

  node(node: string): MeridianNode {
    return this.#nodes.get(node)!;
  }

  parts(node: string): KeyspaceNode {
    return this.node(node).keyspaceNode(name)!;
  }

  keyspace(node: string): LocalKeyspace {
    return this.parts(node).service;
  }

  /** What the node's API offers of the keyspace, also while that is absent. */
  service(node: string): KeyspaceService {
    return this.node(node).keyspace(name)!;
  }

  admin(node: string): KeyspaceAdmin {
    return this.node(node).admin(name)!;
  }

  /** Waits until the nodes (all that run, by default) have a sequencer that serves, and are synced. */
  async writable(nodes: readonly string[] = [...this.#nodes.keys()]): Promise<void> {
    await eventually(
      () => nodes.every((node) => this.status(node).writable && this.status(node).state === 'synced'),
      { withinMs: 30_000, what: `writable ${nodes.join(', ')}` },
    );
  }

  status(node: string) {
    return this.service(node).status();
  }

  /** Waits until the nodes have applied what the home has. */
  async settled(nodes: readonly string[] = [...this.#nodes.keys()]): Promise<void> {
    const from = this.#options.shared === true ? await this.sequencer() : this.home;
    const { store } = this.parts(from);
    await eventually(
      () =>
        nodes.every(
          (node) => this.node(node).keyspaceNode(name)?.store.head.position === store.head.position,
        ),
      { what: 'every node at the tail' },
    );
  }

  /** The state hashes of the running nodes, each once: one when they agree. */
  async stateHashes(): Promise<string[]> {
    await this.settled();
    const hashes = new Set<string>();
    for (const node of this.#nodes.keys()) hashes.add(valueOf(await this.keyspace(node).stateHash()).hash);
    return [...hashes];
  }

  /** Cuts every link of a node, and waits until it has noticed. */
  async cutOff(node: string): Promise<void> {
    for (const other of this.nodeIds()) if (other !== node) this.network.cut(node, other);
    await eventually(() => !this.status(node).writable);
  }

  /** Heals every link, lets go of what was held, and waits until all nodes take writes and hold the same. */
  async restore(): Promise<void> {
    this.network.heal();
    this.network.releaseAll();
    await this.writable();
    await this.settled();
  }

  nodeIds(): NodeId[] {
    return this.#names.map((node) => nodeId(node));
  }
}

/** Real time, run through faster: what waits for seconds waits for fractions of them. */
function hurrying(speed: number, logger: Logger): Runtime {
  const system = createSystemRuntime(logger);
  const { clock, timers } = system;
  const startMs = clock.monotonicMs();
  const wallMs = clock.nowMs();
  const elapsedMs = (): number => (clock.monotonicMs() - startMs) * speed;
  return {
    ...system,
    clock: { nowMs: () => Math.floor(wallMs + elapsedMs()), monotonicMs: () => startMs + elapsedMs() },
    timers: { soon: timers.soon, after: (delayMs, action) => timers.after(delayMs / speed, action) },
  };
}
