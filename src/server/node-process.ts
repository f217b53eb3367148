import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { nonceBytes } from '../model/entry.js';
import { limits } from '../model/limits.js';
import { mintKeyspaceId, type KeyspaceName } from '../model/ids.js';
import { addGrpcApi } from '../api/grpc/server.js';
import { createHttpServer } from '../api/rest/server.js';
import { initHistory } from '../ordering/embedded/init-history.js';
import { delay, every, type Logger, type Runtime } from '../runtime/runtime.js';
import { packageVersion } from '../runtime/system/package-version.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { directoryPlace } from '../storage/directory-place.js';
import { openKeyspaceStore } from '../storage/keyspace-store.js';
import type { StorePlace } from '../storage/store-place.js';
import { createGrpcPeerTransport } from '../transport/grpc/grpc-peer-transport.js';
import { formatAddress, httpUrl, type Address } from './config/address.js';
import type { ClusterConfig, NodeConfig } from './config/config.js';
import { HeadNote } from './head-note.js';
import { MeridianNode } from './node.js';

export interface StartOptions {
  readonly cluster: ClusterConfig;
  readonly node: NodeConfig;
  readonly logger: Logger;
}

export interface RunningNode {
  /** Not ready from now on; requests under way are answered; stores are closed. Once. */
  stop(): Promise<void>;
  readonly addresses: { readonly http: string; readonly peer: string };
}

const notePeriodMs = 1000;
/** How long requests under way may take to end when the node stops; then they are told what is known. */
const finishMsMax = 3000;

/** Starts a node of a cluster in this process. Rejects when an address is taken or its data cannot be opened. */
export async function startNode({ cluster, node, logger }: StartOptions): Promise<RunningNode> {
  const runtime = createSystemRuntime(logger);
  await mkdir(node.dataDirectory, { recursive: true });
  const notes = new Map(cluster.keyspaces.map(({ name }) => [name, new HeadNote(notePath(node, name))]));
  const transport = createGrpcPeerTransport({
    cluster: cluster.name,
    self: node.id,
    addresses: new Map(cluster.nodes.map(({ id, peer }) => [id, formatAddress(peer)])),
    listen: formatAddress(node.peer.listen),
    runtime,
  });
  const meridian = await MeridianNode.open({
    cluster: cluster.name,
    version: await packageVersion(),
    self: node.id,
    nodes: cluster.nodes.map(({ id, region, http }) => ({ id, region, httpAddress: httpUrl(http) })),
    keyspaces: cluster.keyspaces.map(({ name, home, node: homeNode }) => ({
      name,
      home,
      homeNode,
      place: placeOf(node, name, runtime),
      note: notes.get(name)!,
    })),
    compare: node.startCompare,
    retention: cluster.retention,
    checksEveryMs: cluster.checksEveryMs,
    transport,
    runtime,
  });
  const noteHeads = (): void => {
    for (const [name, note] of notes) {
      const keyspace = meridian.keyspaceNode(name);
      if (keyspace !== undefined) void note.write(keyspace.store.head, logger, keyspace.sequencing);
    }
  };
  const server = await createHttpServer({
    node: meridian,
    logger,
    clock: runtime.clock,
    tokens: node.tokens,
    adminTokens: node.adminTokens,
  });
  const grpc = addGrpcApi(transport, { node: meridian, runtime, tokens: node.tokens });
  try {
    await meridian.start();
    // A queue of connections that overflows resets them: who connects too many at once is to be told, too.
    await server.listen({ ...node.http.listen, backlog: limits.httpConnectionsMax });
  } catch (error) {
    // What stopping then meets is of no interest beside the reason.
    await Promise.all([server.close(), grpc.finish()]).catch(() => undefined);
    await meridian.stop().catch(() => undefined);
    throw error;
  }
  const cancelNotes = every(runtime.timers, notePeriodMs, noteHeads);
  return {
    addresses: {
      http: httpUrl(boundAddress(server.server.address()) ?? node.http.listen),
      peer: formatAddress(node.peer.listen),
    },
    stop: async () => {
      cancelNotes();
      meridian.drain();
      const closed = server.close();
      await Promise.race([Promise.all([closed, grpc.finish()]), delay(runtime.timers, finishMsMax)]);
      noteHeads();
      await meridian.stop();
      server.server.closeAllConnections();
      await closed;
    },
  };
}

/** The port that was chosen, where the configuration leaves that to the system. */
function boundAddress(bound: string | AddressInfo | null): Address | undefined {
  return bound === null || typeof bound === 'string' ? undefined : { host: bound.address, port: bound.port };
}

function placeOf(node: NodeConfig, keyspace: KeyspaceName, { clock }: Runtime): StorePlace {
  return directoryPlace(join(node.dataDirectory, keyspace), clock);
}

function notePath(node: NodeConfig, keyspace: KeyspaceName): string {
  return join(node.dataDirectory, `${keyspace}.head.json`);
}

export interface InitOptions {
  readonly cluster: ClusterConfig;
  readonly node: NodeConfig;
  readonly runtime: Runtime;
}

export interface InitialisedHistory {
  readonly keyspace: string;
  readonly uuid: string;
  /** False when the store held a history already, which was left as it is. */
  readonly created: boolean;
}

/** Begins the histories of the keyspaces whose home is this node. A store that holds one is left alone. */
export async function initHistories({ cluster, node, runtime }: InitOptions): Promise<InitialisedHistory[]> {
  await mkdir(node.dataDirectory, { recursive: true });
  const histories: InitialisedHistory[] = [];
  for (const { name, node: home } of cluster.keyspaces) {
    if (home === node.id) histories.push(await initOne(node, name, runtime));
  }
  return histories;
}

async function initOne(
  node: NodeConfig,
  keyspace: KeyspaceName,
  runtime: Runtime,
): Promise<InitialisedHistory> {
  const place = placeOf(node, keyspace, runtime);
  const store = await openKeyspaceStore(() => place.openCurrent(), runtime.logger);
  try {
    const suspicion = await new HeadNote(notePath(node, keyspace)).suspicion(store.head, store.replaced);
    if (suspicion !== undefined)
      throw new Error(
        `${keyspace}: ${suspicion}; a new history is not begun over it: start the node and run meridian recover ${keyspace}`,
      );
    const { keyspaceId } = store.head;
    if (keyspaceId !== undefined) return { keyspace, uuid: keyspaceId, created: false };
    const uuid = mintKeyspaceId(runtime.random.bytes(16));
    const nonce = Buffer.from(runtime.random.bytes(nonceBytes));
    await initHistory(store, { keyspaceId: uuid, keyspace, nowMs: runtime.clock.nowMs(), nonce });
    return { keyspace, uuid, created: true };
  } finally {
    await store.close();
  }
}
