import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalCluster, type LocalCluster, type LocalClusterOptions } from '../../src/local/cluster.js';
import type { ProcessEvent } from '../../src/local/supervised-process.js';
import { memberCount, type EtcdPorts } from '../../src/local/etcd/layout.js';
import { freePorts, type NodePorts } from '../../src/local/ports.js';

export interface TestCluster extends LocalCluster {
  /** What the nodes logged and how they ended, since the start. */
  readonly events: readonly ProcessEvent[];
  /** Stops the cluster and removes its data. */
  discard(): Promise<void>;
}

/** The three regions of regions/cluster.yaml as real processes of the built `meridian`, in a new folder, on free ports. */
export async function startTestCluster(options: Partial<LocalClusterOptions> = {}): Promise<TestCluster> {
  const directory = await temporaryDirectory();
  const events: ProcessEvent[] = [];
  try {
    const cluster = await startLocalCluster({
      dataDirectory: directory.path,
      ports: await freeNodePorts(3),
      onEvent: (event) => void events.push(event),
      ...options,
      etcd: options.etcd && { ports: await freeEtcdPorts(), ...options.etcd },
    });
    const discard = async (): Promise<void> => {
      await cluster.stop();
      await directory.remove();
    };
    return { ...cluster, events, discard };
  } catch (error) {
    await directory.remove();
    throw error;
  }
}

async function freeNodePorts(nodes: number): Promise<NodePorts[]> {
  const ports = await freePorts(2 * nodes);
  return Array.from({ length: nodes }, (_, i) => ({ http: ports[2 * i]!, peer: ports[2 * i + 1]! }));
}

async function freeEtcdPorts(): Promise<EtcdPorts[]> {
  const ports = await freePorts(2 * memberCount);
  return Array.from({ length: memberCount }, (_, i) => ({ client: ports[2 * i]!, peer: ports[2 * i + 1]! }));
}

/** The first of `count` consecutive ports that were free a moment ago. */
export async function freePortRange(count: number): Promise<number> {
  for (;;) {
    const [first] = await freePorts(1);
    const range = Array.from({ length: count }, (_, i) => first! + i);
    if ((await Promise.all(range.map(isFree))).every(Boolean)) return first!;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  if (port > 65_535) return false;
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  await new Promise((resolve) => server.close(resolve));
  return free;
}

export async function temporaryDirectory(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'meridian-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
