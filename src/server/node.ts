import { tagOfTransaction, nodeTag } from '../model/transaction-id.js';
import type { KeyspaceName, NodeId, RegionId, TransactionId } from '../model/ids.js';
import { defaultRetention, type Retention } from '../model/retention.js';
import type { Logger, Runtime } from '../runtime/runtime.js';
import { openKeyspaceStore } from '../storage/keyspace-store.js';
import type { StorePlace } from '../storage/store-place.js';
import { StoreDamaged, type Head, type KeyspaceStore, type OpenDatabase } from '../storage/store.js';
import type { KeyspaceService, NodeService, PeerStatus } from '../transaction/service.js';
import { decodeCertifyFromSequencer, decodeEntriesFromFollower } from '../transport/messages.js';
import type { PeerStream, PeerTransport } from '../transport/peer-transport.js';
import { readMessages } from '../transport/read-messages.js';
import { DamagedKeyspace } from './damaged-keyspace.js';
import { Gossip, statusOf } from './gossip.js';
import { KeyspaceNode } from './keyspace-node.js';

export interface NodeKeyspace {
  readonly name: KeyspaceName;
  readonly home: RegionId;
  readonly homeNode: NodeId;
  readonly place: StorePlace;
  /** Why the store may have been set back, judged when it is open: then every peer is compared with before it leads. */
  readonly suspicion?: (head: Head) => Promise<string | undefined>;
}

export interface NodeOptions {
  readonly cluster: string;
  readonly version: string;
  readonly self: NodeId;
  /** Every node of the cluster, this one included. */
  readonly nodes: readonly { readonly id: NodeId; readonly region: RegionId; readonly httpAddress: string }[];
  readonly keyspaces: readonly NodeKeyspace[];
  readonly compare: 'reachable' | 'all';
  /** `defaultRetention` when it is not given. */
  readonly retention?: Retention;
  /** ms between two consistency checks of a keyspace that is at home here; 0 or undefined: none but on demand. */
  readonly checksEveryMs?: number;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
}

/** One node: its keyspaces, its streams to the others. Clock, timers, network and databases are arguments. */
export class MeridianNode implements NodeService {
  readonly cluster: string;
  readonly node: NodeId;
  readonly region: RegionId;
  readonly version: string;
  readonly #options: NodeOptions;
  readonly #keyspaces = new Map<string, KeyspaceNode>();
  readonly #damaged = new Map<string, DamagedKeyspace>();
  readonly #gossip: Gossip;
  #draining = false;

  /** Opens and verifies every store. One that is damaged is not served; the others are. */
  static async open(options: NodeOptions): Promise<MeridianNode> {
    const node = new MeridianNode(options);
    for (const keyspace of options.keyspaces) await node.#openKeyspace(keyspace);
    return node;
  }

  private constructor(options: NodeOptions) {
    const { self, nodes, transport, runtime } = options;
    this.#options = options;
    this.cluster = options.cluster;
    this.version = options.version;
    this.node = self;
    this.region = nodes.find((node) => node.id === self)!.region;
    const keyspaces = () =>
      this.keyspaces().map((service) => statusOf(service, this.#keyspaces.get(service.name)));
    const peers = nodes.filter((node) => node.id !== self);
    this.#gossip = new Gossip({ self, region: this.region, peers, transport, runtime, keyspaces });
    transport.accept('certify', (stream) => this.#acceptCertify(stream));
    transport.accept('entries', (stream) => this.#acceptEntries(stream));
  }

  async #openKeyspace(keyspace: NodeKeyspace): Promise<void> {
    const { name, home, homeNode, place } = keyspace;
    const { self, nodes, transport, compare } = this.#options;
    const runtime = {
      ...this.#options.runtime,
      logger: this.#options.runtime.logger.child({ keyspace: name }),
    };
    const store = await openOrDamage(() => place.openCurrent(), runtime.logger);
    if (store instanceof StoreDamaged) {
      runtime.logger.error(
        { damage: store.message },
        'the store is damaged: this keyspace is not served here',
      );
      this.#damaged.set(name, new DamagedKeyspace(name, home, store.message));
      return;
    }
    const suspicion = await keyspace.suspicion?.(store.head);
    if (suspicion !== undefined) runtime.logger.warn({ suspicion }, 'the store may have been set back');
    const opened = await KeyspaceNode.open({
      name,
      home,
      homeNode,
      self,
      nodes: nodes.map((node) => node.id),
      store,
      transport,
      runtime,
      compare: suspicion === undefined ? compare : 'all',
      obstacle: () => this.#gossip.obstacle(),
      clockCompared: (node) => this.#gossip.clockCompared(node),
      retention: this.#options.retention ?? defaultRetention,
      checksEveryMs: this.#options.checksEveryMs ?? 0,
      told: () => this.#gossip.told(name),
      retention: this.#options.retention ?? defaultRetention,
      checksEveryMs: this.#options.checksEveryMs ?? 0,
      told: () => this.#gossip.told(name),
    });
    this.#keyspaces.set(name, opened);
  }

  get draining(): boolean {
    return this.#draining;
  }

  async start(): Promise<void> {
    await this.#options.transport.start();
    this.#gossip.start();
    for (const keyspace of this.#keyspaces.values()) keyspace.start();
  }

  /** Not ready from now on. */
  drain(): void {
    this.#draining = true;
    for (const keyspace of this.#keyspaces.values()) keyspace.drain();
  }

  async stop(): Promise<void> {
    this.drain();
    this.#gossip.stop();
    await Promise.all([...this.#keyspaces.values()].map((keyspace) => keyspace.stop()));
    await this.#options.transport.stop();
  }

  keyspace(name: string): KeyspaceService | undefined {
    return this.#keyspaces.get(name)?.service ?? this.#damaged.get(name);
  }

  keyspaces(): readonly KeyspaceService[] {
    return this.#options.keyspaces.map(({ name }) => this.keyspace(name)!);
  }

  admin(): undefined {
    return undefined;
  }

  /** The parts of a keyspace, for maintenance and for tests. */
  keyspaceNode(name: string): KeyspaceNode | undefined {
    return this.#keyspaces.get(name);
  }

  minterOf(id: TransactionId): { readonly node: NodeId; readonly httpAddress: string } | undefined {
    const tag = tagOfTransaction(id);
    const minter = this.#options.nodes.find((node) => nodeTag(node.id) === tag);
    return minter === undefined ? undefined : { node: minter.id, httpAddress: minter.httpAddress };
  }

  peers(): readonly PeerStatus[] {
    const keyspaces = this.keyspaces().map((keyspace) => {
      const { name, state, applied, position, epoch, detail } = keyspace.status();
      const sequencing = this.#keyspaces.get(name)?.sequencing ?? false;
      return { name, state, applied, position, epoch, sequencing, detail };
    });
    const own = {
      node: this.node,
      region: this.region,
      reachable: true,
      roundTripMs: 0,
      clockSkewMs: 0,
      keyspaces,
    };
    return [own, ...this.#gossip.statuses()];
  }

  #acceptCertify(stream: PeerStream): void {
    this.#first(stream, decodeCertifyFromSequencer, (message) => {
      if (message.type !== 'welcome') return stream.close('a welcome comes first');
      const keyspace = this.#keyspaces.get(message.keyspace);
      if (keyspace === undefined) return stream.close(`no keyspace ${message.keyspace} on this node`);
      keyspace.acceptSequencer(stream, message);
    });
  }

  #acceptEntries(stream: PeerStream): void {
    this.#first(stream, decodeEntriesFromFollower, (message) => {
      if (message.type !== 'hello') return stream.close('a hello comes first');
      const keyspace = this.#keyspaces.get(message.keyspace);
      if (keyspace === undefined) return stream.close(`no keyspace ${message.keyspace} on this node`);
      keyspace.feed.serve(stream, message);
    });
  }

  /** The first message says which keyspace the stream is for; whoever takes it listens from then on. */
  #first<M>(stream: PeerStream, decode: (bytes: Uint8Array) => M, take: (message: M) => void): void {
    readMessages(stream, decode, take, this.#options.runtime.logger);
  }
}

async function openOrDamage(open: OpenDatabase, logger: Logger): Promise<KeyspaceStore | StoreDamaged> {
  try {
    return await openKeyspaceStore(open, logger);
  } catch (error) {
    if (error instanceof StoreDamaged) return error;
    throw error;
  }
}
