import type { KeyspaceId, NodeId } from '../../src/model/ids.js';
import { keyspaceName, nodeId } from '../../src/model/ids.js';
import { EntryFeed } from '../../src/replica/entry-feed.js';
import { silentLogger, type Runtime } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import type { KeyspaceStore } from '../../src/storage/store.js';
import { SnapshotDonor } from '../../src/transfer/snapshot-donor.js';
import { SnapshotJoiner, type JoinerPorts } from '../../src/transfer/snapshot-joiner.js';
import { decodeEntriesFromFollower, decodeTransferFromJoiner } from '../../src/transport/messages.js';
import type { PeerTransport } from '../../src/transport/peer-transport.js';
import { Chain, set } from './chain.js';
import { ControlledNetwork } from './controlled-network.js';
import { FaultyDisk } from './faulty-database.js';
import { keyspaceId } from './begun-store.js';
import { MemoryPlace } from './memory-place.js';

const keyspace = keyspaceName('default');

/** A node that gives copies: its store, and the chain that its next entries come from. */
export interface GivingNode {
  readonly node: NodeId;
  readonly store: KeyspaceStore;
  readonly donor: SnapshotDonor;
  readonly transport: PeerTransport;
  stop(): Promise<void>;
}

/** One node that joins, and nodes that can give it a copy. */
export class TransferWorld {
  readonly runtime: Runtime;
  readonly network: ControlledNetwork;
  readonly place = new MemoryPlace();
  readonly joiners: SnapshotJoiner[] = [];
  readonly givers: GivingNode[] = [];
  candidates: NodeId[] = [];

  constructor(runtime: Runtime = createSystemRuntime(silentLogger)) {
    this.runtime = runtime;
    this.network = new ControlledNetwork(runtime.timers);
  }

  /** Starts a node with the store on `disk`. */
  async giver(name: string, disk = new FaultyDisk()): Promise<GivingNode> {
    const { runtime } = this;
    const store = await openKeyspaceStore(disk.open, silentLogger);
    const donor = new SnapshotDonor({ keyspace, store, runtime });
    const feed = new EntryFeed(store, runtime);
    const node = nodeId(name);
    const transport = this.network.transport(node);
    transport.accept('transfer', (stream) =>
      stream.onMessage((bytes) => {
        const hello = decodeTransferFromJoiner(bytes);
        if (hello.type === 'hello') donor.serve(stream, hello);
      }),
    );
    transport.accept('entries', (stream) =>
      stream.onMessage((bytes) => {
        const hello = decodeEntriesFromFollower(bytes);
        if (hello.type === 'hello') feed.serve(stream, hello);
      }),
    );
    await transport.start();
    const stop = async (): Promise<void> => {
      donor.stop();
      feed.stop();
      await transport.stop();
      await store.close();
    };
    const giver = { node, store, donor, transport, stop };
    this.givers.push(giver);
    if (!this.candidates.includes(node)) this.candidates.push(node);
    return giver;
  }

  joiner(ports: Partial<JoinerPorts> = {}): SnapshotJoiner {
    const joiner = new SnapshotJoiner({
      keyspace,
      self: nodeId('joiner'),
      place: this.place,
      donors: () => this.candidates.map((node) => ({ node, keyspaceId, position: 0 })),
      own: undefined,
      mayReplaceDifferent: false,
      transport: this.network.transport(nodeId('joiner')),
      runtime: this.runtime,
      ...ports,
    });
    this.joiners.push(joiner);
    return joiner;
  }

  /** The store that came out of the incoming place. */
  async joined(): Promise<KeyspaceStore> {
    return openKeyspaceStore(() => this.place.openIncoming(), silentLogger);
  }

  async stop(): Promise<void> {
    await Promise.all(this.joiners.map((joiner) => joiner.stop()));
    await Promise.all(this.givers.map((giver) => giver.stop()));
  }
}

/** Begins a history of `keys` keys of some 1 KiB, in batches, and returns the chain that goes on. */
export async function fill(
  store: KeyspaceStore,
  keys: number,
  history: KeyspaceId = keyspaceId,
): Promise<Chain> {
  const chain = new Chain(store.head);
  await store.apply([chain.next({ kind: 'genesis', keyspaceId: history, keyspace })]);
  for (let at = 0; at < keys; at += 100) {
    const lists = Array.from({ length: Math.min(100, keys - at) }, (_, i) => [keyed(at + i)]);
    await store.apply([chain.transactions(...lists)]);
  }
  return chain;
}

function keyed(n: number) {
  return set(`key-${n.toString().padStart(6, '0')}`, `${n}`.padEnd(1000, 'v'), n % 7 === 0 ? 3_600_000 : 0);
}
