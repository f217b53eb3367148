import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { delay, silentLogger, type Runtime } from '../runtime/runtime.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import type { ClusterConfig, ClusterNode } from '../server/config/config.js';
import { lockData } from './data-lock.js';
import type { EtcdMember } from './etcd/etcd-member.js';
import { readNote } from './etcd/layout.js';
import { etcdListeners, layEtcd, type LocalEtcdOptions } from './etcd/local-etcd.js';
import { beginOnce, hasStores, logFileName, refuseOtherLog, type StartData } from './first-start.js';
import { commandOf, environmentOf, nodeDirectory, type Launch } from './launch.js';
import { etcdPorts, localConfig } from './local-config.js';
import { LocalNode } from './local-node.js';
import { packageRoot } from './package-root.js';
import { listenersOf, refuseTakenPorts, type NodePorts } from './ports.js';
import { ClusterStartError } from './start-error.js';
import type { ProcessEvent } from './supervised-process.js';
import { noWanLinks, openWanLinks } from './wan-links.js';

export interface LocalClusterOptions {
  /** Each node has a folder of its id in it. Made when it is not there. */
  readonly dataDirectory: string;
  /** Holds cluster.yaml and the nodes' files; default: `regions` of this package. */
  readonly regionsDirectory?: string | undefined;
  /** Order every keyspace by an etcd of this cluster's own, `{}` as it comes. Default: as cluster.yaml says. */
  readonly etcd?: LocalEtcdOptions | undefined;
  /** Emulate the round trips of cluster.yaml on the links between nodes, and of etcd's members. Default false. */
  readonly wan?: boolean | undefined;
  /** The first of consecutive ports that take the place of those in cluster.yaml; etcd's follow the nodes'. */
  readonly basePort?: number | undefined;
  /** Ports per node, in the order of cluster.yaml; in the place of `basePort`. */
  readonly ports?: readonly NodePorts[] | undefined;
  /** Ids of the nodes to start; default all. */
  readonly nodes?: readonly string[] | undefined;
  /** Wait until every node takes writes in every keyspace. Default: when all nodes are started. */
  readonly waitReady?: boolean | undefined;
  /** Start a node again that died unasked. Default false. */
  readonly restart?: boolean | undefined;
  readonly onEvent?: ((event: ProcessEvent) => void) | undefined;
  /** Further variables for the nodes. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Gives the start up: what has been started is stopped again. Without effect once the cluster is up. */
  readonly signal?: AbortSignal | undefined;
  /** A script in the place of the built `meridian`. */
  readonly program?: string | undefined;
}

export interface LocalCluster {
  /** With the addresses that are in use. */
  readonly config: ClusterConfig;
  /** Absolute. */
  readonly dataDirectory: string;
  /** Those of cluster.yaml, in its order, started or not. */
  readonly nodes: readonly LocalNode[];
  /** Of the cluster's own etcd; none when it has none. The i-th is in the i-th region. */
  readonly etcd: readonly EtcdMember[];
  /** Throws a RangeError when there is none. */
  node(id: string): LocalNode;
  /** Waits until every node takes writes in every keyspace; a ClusterStartError when that takes longer. */
  ready(withinMs?: number): Promise<void>;
  /** Ends all nodes in order, then etcd's members, and the links. May be called again. */
  stop(): Promise<void>;
}

const readyMsMax = 60_000;
const readyPollMs = 50;

type Undo = (() => Promise<unknown>)[];

/** A whole cluster on this machine, one process per node. Rejects with a ClusterStartError, and nothing is left running. */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const undo: Undo = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= runBackwards(undo));
  try {
    return { ...(await start(options, undo)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(options: LocalClusterOptions, undo: Undo): Promise<Omit<LocalCluster, 'stop'>> {
  const runtime = createSystemRuntime(silentLogger);
  const goOn = (): void => options.signal?.throwIfAborted();
  const { launch, chosen, data } = await prepare(options, runtime, undo);
  const { cluster: config, dataDirectory, etcd } = launch;
  const nodes = localNodes(launch, options, runtime);
  undo.push(() => Promise.all(nodes.map((node) => node.stop())));
  const giveUp = (): void => {
    nodes.forEach((one) => void one.stop());
    void etcd?.stop();
  };
  options.signal?.addEventListener('abort', giveUp);
  await etcd?.start();
  goOn();
  await beginOnce(launch, data);
  goOn();
  await Promise.all(nodes.filter(({ id }) => chosen.some((one) => one.id === id)).map((one) => one.start()));
  const ready = (withinMs = readyMsMax): Promise<void> => waitReady(nodes, withinMs, runtime);
  if (options.waitReady ?? chosen.length === nodes.length) await ready();
  goOn();
  options.signal?.removeEventListener('abort', giveUp);
  const node = (id: string): LocalNode => {
    const found = nodes.find((one) => one.id === id);
    if (found === undefined) throw new RangeError(`${config.file} has no node ${id}`);
    return found;
  };
  return { config, dataDirectory, nodes, etcd: etcd?.members ?? [], node, ready };
}

interface Prepared {
  readonly launch: Launch;
  readonly chosen: readonly ClusterNode[];
  readonly data: StartData;
}

/** All that can refuse the start without a process of the cluster. */
async function prepare(options: LocalClusterOptions, runtime: Runtime, undo: Undo): Promise<Prepared> {
  const program = options.program ?? join(packageRoot, 'dist/src/cli/main.js');
  if (!existsSync(program))
    throw new ClusterStartError(`${program} is not there. Run \`npm run build\` first.`);
  const cluster = await localConfig(options);
  const chosen = cluster.nodes.filter(({ id }) => options.nodes?.includes(id) ?? true);
  const { wan = false, restart = false, onEvent = () => {}, environment = {} } = options;
  if (wan && cluster.roundTrips.length === 0)
    throw new ClusterStartError(`${cluster.file} has no wan.roundTripMs, so there is no WAN to emulate.`);
  const dataDirectory = resolve(options.dataDirectory);
  undo.push(await lockData(dataDirectory));
  undo.push(stayAlive());
  const note = await readNote(dataDirectory);
  const data = { note, hasStores: await hasStores({ cluster, dataDirectory }) };
  refuseOtherLog(data, options.etcd !== undefined, dataDirectory);
  const ofEtcd = options.etcd && { ...options.etcd, ports: etcdPorts(options, cluster.nodes.length), note };
  const listeners = [...listenersOf(chosen), ...(ofEtcd === undefined ? [] : etcdListeners(ofEtcd))];
  await refuseTakenPorts(listeners, cluster.file);
  const links = wan ? await openWanLinks(cluster, runtime) : noWanLinks;
  undo.push(() => links.close());
  const etcd =
    ofEtcd && (await layEtcd({ ...ofEtcd, ...{ cluster, dataDirectory, wan, runtime, restart, onEvent } }));
  if (etcd !== undefined) undo.push(() => etcd.stop());
  const otherPorts = options.ports !== undefined || options.basePort !== undefined;
  return { launch: { cluster, program, dataDirectory, otherPorts, links, environment, etcd }, chosen, data };
}

/** The runtime's timers let a process end; while nodes wait for their restart, nothing else would hold this one. */
function stayAlive(): () => Promise<void> {
  const timer = setInterval(() => {}, 60_000);
  return async () => clearInterval(timer);
}

function localNodes(launch: Launch, options: LocalClusterOptions, runtime: Runtime): LocalNode[] {
  return launch.cluster.nodes.map(
    (node) =>
      new LocalNode({
        node,
        runtime,
        program: launch.program,
        args: commandOf(launch, 'start', node),
        environment: environmentOf(launch, node),
        logFile: join(nodeDirectory(launch, node), logFileName),
        restart: options.restart === true,
        onEvent: options.onEvent ?? (() => {}),
      }),
  );
}

async function waitReady(nodes: readonly LocalNode[], withinMs: number, runtime: Runtime): Promise<void> {
  const untilMs = runtime.clock.monotonicMs() + withinMs;
  for (const node of nodes)
    for (;;) {
      const reason = await node.notReady('write');
      if (reason === undefined) break;
      if (node.down) throw new ClusterStartError(`Node ${node.id} is not running.`);
      if (runtime.clock.monotonicMs() > untilMs)
        throw new ClusterStartError(
          `Node ${node.id} was not ready to write within ${withinMs / 1000} s: ${reason}`,
        );
      await delay(runtime.timers, readyPollMs);
    }
}

async function runBackwards(undo: Undo): Promise<void> {
  for (const action of undo.reverse()) await action();
}
