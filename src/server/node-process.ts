import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { assert, assertNever } from '../model/assert.js';
import type { KeyspaceName } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { addGrpcApi } from '../api/grpc/server.js';
import { renewHttps } from '../api/rest/https.js';
import { createHttpServer } from '../api/rest/server.js';
import { ReplaceableEtcdLog } from '../ordering/etcd/replaceable-etcd-log.js';
import { delay, every, type Logger, type Runtime } from '../runtime/runtime.js';
import { packageVersion } from '../runtime/system/package-version.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { createGrpcPeerTransport } from '../transport/grpc/grpc-peer-transport.js';
import { formatAddress, httpUrl, type HttpAddress } from './config/address.js';
import type { ClusterConfig, KeyspaceConfig, NodeConfig } from './config/config.js';
import { HeadNote } from './head-note.js';
import { holdLogKind } from './log-kind.js';
import { openNodeEtcd, type NodeEtcd } from './node-etcd.js';
import { notePath, placeOf } from './node-places.js';
import { openNodeTls } from './node-tls.js';
import { MeridianNode, type NodeKeyspace } from './node.js';

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

/**
 * Starts a node of a cluster in this process; an etcd that cannot be reached does not keep it from that. Rejects when an
 * address is taken, its data cannot be opened, or a file that it needs is missing.
 */
export async function startNode({ cluster, node, logger }: StartOptions): Promise<RunningNode> {
  const runtime = createSystemRuntime(logger);
  const tls = await openNodeTls(node);
  await mkdir(node.dataDirectory, { recursive: true });
  for (const keyspace of cluster.keyspaces) await holdLogKind(node, keyspace);
  const etcd = await openNodeEtcd({ cluster, node }, runtime);
  const notes = notesOf(cluster, node);
  const transport = createGrpcPeerTransport({
    cluster: cluster.name,
    self: node.id,
    addresses: new Map(cluster.nodes.map(({ id, peer }) => [id, formatAddress(peer)])),
    listen: formatAddress(node.peer.listen),
    runtime,
    tls: tls.peer,
  });
  const meridian = await MeridianNode.open({
    cluster: cluster.name,
    version: await packageVersion(),
    self: node.id,
    nodes: cluster.nodes.map(({ id, region, http }) => ({ id, region, httpAddress: httpUrl(http) })),
    keyspaces: cluster.keyspaces.map((keyspace) => nodeKeyspace(keyspace, { node, runtime, notes, etcd })),
    compare: node.startCompare,
    retention: cluster.retention,
    checksEveryMs: cluster.checksEveryMs,
    transport,
    runtime,
  });
  const noteHeads = (): void => noteAll(notes, meridian, logger);
  const server = await createHttpServer({
    node: meridian,
    logger,
    clock: runtime.clock,
    tokens: node.tokens,
    adminTokens: node.adminTokens,
    https: tls.https,
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
    etcd?.kv.close();
    throw error;
  }
  const cancelTls = tls.watch(runtime, (pem) => renewHttps(server.server, pem));
  const cancelNotes = every(runtime.timers, notePeriodMs, noteHeads);
  return {
    addresses: {
      http: httpUrl(boundAddress(server.server.address(), node)),
      peer: formatAddress(node.peer.listen),
    },
    stop: async () => {
      cancelNotes();
      cancelTls();
      meridian.drain();
      const closed = server.close();
      await Promise.race([Promise.all([closed, grpc.finish()]), delay(runtime.timers, finishMsMax)]);
      noteHeads();
      await meridian.stop();
      etcd?.kv.close();
      server.server.closeAllConnections();
      await closed;
    },
  };
}

/** Where the store is the log it must not be found behind what was noted of it; one that is behind etcd catches up. */
function notesOf({ keyspaces }: ClusterConfig, node: NodeConfig): ReadonlyMap<KeyspaceName, HeadNote> {
  return new Map(
    keyspaces
      .filter(({ log }) => log === 'embedded')
      .map(({ name }) => [name, new HeadNote(notePath(node, name))]),
  );
}

function noteAll(notes: ReadonlyMap<KeyspaceName, HeadNote>, meridian: MeridianNode, logger: Logger): void {
  for (const [name, note] of notes) {
    const keyspace = meridian.keyspaceNode(name);
    if (keyspace !== undefined) void note.write(keyspace.store.head, logger, keyspace.sequencing);
  }
}

interface KeyspaceParts {
  readonly node: NodeConfig;
  readonly runtime: Runtime;
  readonly notes: ReadonlyMap<KeyspaceName, HeadNote>;
  readonly etcd: NodeEtcd | undefined;
}

function nodeKeyspace(
  { name, home, node: homeNode, log }: KeyspaceConfig,
  { node, runtime, notes, etcd }: KeyspaceParts,
): NodeKeyspace {
  const placed = { name, home, homeNode, place: placeOf(node, name, runtime) };
  switch (log) {
    case 'embedded':
      return { ...placed, note: notes.get(name)! };
    case 'etcd':
      assert(etcd !== undefined, `${name} is ordered by an etcd that is not named`);
      return {
        ...placed,
        sharedLog: () => etcd.logOf(name),
        replaceable: new ReplaceableEtcdLog(etcd.kv, etcd.prefixOf(name)),
      };
    default:
      return assertNever(log);
  }
}

/** The port that was chosen, where the configuration leaves that to the system. */
function boundAddress(bound: string | AddressInfo | null, { http, httpTls }: NodeConfig): HttpAddress {
  const { host, port } =
    bound === null || typeof bound === 'string' ? http.listen : { host: bound.address, port: bound.port };
  return httpTls === undefined ? { host, port } : { host, port, tls: true };
}
