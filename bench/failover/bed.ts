import { setTimeout as delay } from 'node:timers/promises';
import { startLocalCluster, type LocalCluster } from '../../src/local/cluster.js';
import { leaderOf, type EtcdMember } from '../../src/local/etcd/etcd-member.js';
import { memberCount } from '../../src/local/etcd/layout.js';
import type { LocalNode } from '../../src/local/local-node.js';
import { freePorts } from '../../src/local/ports.js';
import { formatAddress } from '../../src/server/config/address.js';
import { regionNames } from '../model.js';
import type { Undo } from '../run/undo.js';
import { Committer } from './committer.js';

export const timing = { heartbeatMs: 100, electionMs: 1000 };
export const leaseMs = 2000;
const commitEveryMs = 10;
const pollMs = 20;
const waitMsMax = 60_000;

/** Three nodes and three members of etcd on this machine, with commits to `default` through the nodes that are not its home. */
export interface FailoverBed {
  readonly cluster: LocalCluster;
  readonly home: LocalNode;
  readonly committer: Committer;
  /** Waits until `home` follows whoever orders `default`, and has caught up. */
  synced(): Promise<void>;
  /** Waits until every node has `home` as the sequencer of `default`. */
  atHome(): Promise<void>;
  etcdLeader(): Promise<EtcdMember>;
}

export async function layFailoverBed(directory: string, undo: Undo): Promise<FailoverBed> {
  const ports = await freePorts(2 * (regionNames.length + memberCount));
  const pair = (i: number): [number, number] => [ports[2 * i]!, ports[2 * i + 1]!];
  const cluster = await startLocalCluster({
    dataDirectory: directory,
    ports: regionNames.map((_, i) => ({ http: pair(i)[0], peer: pair(i)[1] })),
    etcd: {
      timing,
      leaseMs,
      ports: Array.from({ length: memberCount }, (_, i) => {
        const [client, peer] = pair(regionNames.length + i);
        return { client, peer };
      }),
    },
  });
  undo.add(() => cluster.stop());
  const home = cluster.node(cluster.config.keyspaces.find(({ name }) => name === 'default')!.node);
  const survivors = cluster.config.nodes.filter(({ id }) => id !== home.id);
  const committer = await Committer.start({
    endpoints: survivors.map(({ peer }) => formatAddress(peer)),
    everyMs: commitEveryMs,
  });
  undo.add(() => committer.stop());
  return {
    ...{ cluster, home, committer },
    synced: () => until(`${home.id} is synced`, async () => (await viewOf(home))?.state === 'synced'),
    atHome: () =>
      until(`${home.id} orders default again`, async () => {
        const seen = await Promise.all(cluster.nodes.map(viewOf));
        return seen.every((view) => view?.sequencer === home.id);
      }),
    etcdLeader: async () => {
      let leader: EtcdMember | undefined;
      await until('etcd has a leader', async () => (leader = await leaderOf(cluster.etcd)) !== undefined);
      return leader!;
    },
  };
}

interface View {
  readonly name: string;
  readonly state: string;
  readonly sequencer?: string;
}

async function viewOf(node: LocalNode): Promise<View | undefined> {
  const response = await fetch(`${node.httpUrl}/v1/keyspaces`);
  const { keyspaces } = (await response.json()) as { keyspaces: View[] };
  return keyspaces.find(({ name }) => name === 'default');
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const lateMs = performance.now() + waitMsMax;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > lateMs) throw new Error(`${what}: not within ${waitMsMax / 1000} s`);
    await delay(pollMs);
  }
}
