import { tagOfTransaction, nodeTag } from '../model/transaction-id.js';
import type { NodeId, RegionId, TransactionId } from '../model/ids.js';
import { defaultRetention, type Retention } from '../model/retention.js';
import type { Runtime } from '../runtime/runtime.js';
import type { KeyspaceAdmin, KeyspaceService, NodeService, PeerStatus } from '../transaction/service.js';
import {
  decodeCertifyFromSequencer,
  decodeEntriesFromFollower,
  decodeTransferFromJoiner,
} from '../transport/messages.js';
import type { PeerStream, PeerTransport } from '../transport/peer-transport.js';
import { readMessages } from '../transport/read-messages.js';
import type { PeerCopy } from './donors.js';
import { Gossip, statusOf } from './gossip.js';
import { HostAdmin } from './keyspace-admin.js';
import { KeyspaceHost } from './keyspace-host.js';
import type { KeyspaceNode } from './keyspace-node.js';
import { LogReplacement } from './log-replacement.js';
import type { NodeKeyspace } from './node-keyspace.js';
import { KeyspaceRecovery } from './recovery.js';

export type { NodeKeyspace } from './node-keyspace.js';

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
  readonly #hosts = new Map<string, KeyspaceHost>();
  readonly #admins = new Map<string, HostAdmin>();
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
    const keyspaces = () => [...this.#hosts.values()].map(statusOf);
    const peers = nodes.filter((node) => node.id !== self);
    this.#gossip = new Gossip({ self, region: this.region, peers, transport, runtime, keyspaces });
    transport.accept('certify', (stream) => this.#acceptCertify(stream));
    transport.accept('entries', (stream) => this.#acceptEntries(stream));
    transport.accept('transfer', (stream) => this.#acceptTransfer(stream));
  }

  async #openKeyspace(keyspace: NodeKeyspace): Promise<void> {
    const { self, nodes, transport, compare, retention, checksEveryMs } = this.#options;
    const { name } = keyspace;
    const logger = this.#options.runtime.logger.child({ keyspace: name });
    const host = await KeyspaceHost.open({
      keyspace,
      self,
      region: this.region,
      nodes: nodes.map(({ id, region }) => ({ id, region })),
      transport,
      runtime: { ...this.#options.runtime, logger },
      compare,
      obstacle: () => this.#gossip.obstacle(),
      clockCompared: (node) => this.#gossip.clockCompared(node),
      retention: retention ?? defaultRetention,
      checksEveryMs: checksEveryMs ?? 0,
      told: () => this.#gossip.told(name),
      peers: () => this.#gossip.copies(name),
    });
    this.#hosts.set(name, host);
    const peers = (): readonly PeerCopy[] => this.#gossip.copies(name);
    const runtime = { ...this.#options.runtime, logger };
    const { replaceable: log } = keyspace;
    const recovery = new KeyspaceRecovery({
      ...{ self, host, peers, runtime },
      log: log && new LogReplacement({ self, keyspace: name, log, peers, runtime }),
      note: keyspace.note,
      obstacle: () => this.#gossip.obstacle(),
      clockCompared: (node) => this.#gossip.clockCompared(node),
    });
    this.#admins.set(name, new HostAdmin(host, recovery, peers));
  }

  get draining(): boolean {
    return this.#draining;
  }

  async start(): Promise<void> {
    await this.#options.transport.start();
    this.#gossip.start();
    for (const host of this.#hosts.values()) host.start();
  }

  /** Not ready from now on. */
  drain(): void {
    this.#draining = true;
    for (const host of this.#hosts.values()) host.drain();
  }

  async stop(): Promise<void> {
    this.drain();
    this.#gossip.stop();
    await Promise.all([...this.#hosts.values()].map((host) => host.stop()));
    await this.#options.transport.stop();
  }

  keyspace(name: string): KeyspaceService | undefined {
    return this.#hosts.get(name)?.service;
  }

  keyspaces(): readonly KeyspaceService[] {
    return [...this.#hosts.values()].map(({ service }) => service);
  }

  admin(name: string): KeyspaceAdmin | undefined {
    return this.#admins.get(name);
  }

  /** The parts of a keyspace whose store is open, for tests and for whoever notes its head. */
  keyspaceNode(name: string): KeyspaceNode | undefined {
    return this.#hosts.get(name)?.node;
  }

  minterOf(id: TransactionId): { readonly node: NodeId; readonly httpAddress: string } | undefined {
    const tag = tagOfTransaction(id);
    const minter = this.#options.nodes.find((node) => nodeTag(node.id) === tag);
    return minter === undefined ? undefined : { node: minter.id, httpAddress: minter.httpAddress };
  }

  peers(): readonly PeerStatus[] {
    const keyspaces = [...this.#hosts.values()].map(({ service, node }) => {
      const { name, state, applied, position, epoch, detail } = service.status();
      const sequencing = node?.sequencing ?? false;
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
      this.#hostOf(message.keyspace, stream)?.acceptCertify(stream, message);
    });
  }

  #acceptEntries(stream: PeerStream): void {
    this.#first(stream, decodeEntriesFromFollower, (message) => {
      if (message.type !== 'hello') return stream.close('a hello comes first');
      this.#hostOf(message.keyspace, stream)?.acceptEntries(stream, message);
    });
  }

  #acceptTransfer(stream: PeerStream): void {
    this.#first(stream, decodeTransferFromJoiner, (message) => {
      if (message.type !== 'hello') return stream.close('a hello comes first');
      this.#hostOf(message.keyspace, stream)?.acceptTransfer(stream, message);
    });
  }

  #hostOf(keyspace: string, stream: PeerStream): KeyspaceHost | undefined {
    const host = this.#hosts.get(keyspace);
    if (host === undefined) stream.close(`no keyspace ${keyspace} on this node`);
    return host;
  }

  /** The first message says which keyspace the stream is for; whoever takes it listens from then on. */
  #first<M>(stream: PeerStream, decode: (bytes: Uint8Array) => M, take: (message: M) => void): void {
    readMessages(stream, decode, take, this.#options.runtime.logger);
  }
}
