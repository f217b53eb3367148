import { join } from 'node:path';
import { startLocalCluster, type LocalCluster } from '../../src/local/cluster.js';
import { leaderOf, type EtcdMember } from '../../src/local/etcd/etcd-member.js';
import { memberCount } from '../../src/local/etcd/layout.js';
import { freePorts } from '../../src/local/ports.js';
import { packageVersion } from '../../src/runtime/system/package-version.js';
import { regionNames, type Network, type Protocol, type RegionName } from '../model.js';
import type { Undo } from '../run/undo.js';
import { startBaseline } from '../systems/baseline.js';
import type { Bed, System } from '../systems/system.js';

const ofMeridian: readonly Protocol[] = ['http', 'grpc', 'sdk'];

/** A cluster on the loopback interface, its WAN emulated by the proxies of src/local. No root; one network for its life. */
export async function layLoopback(
  directory: string,
  network: Network,
  protocols: readonly Protocol[],
  undo: Undo,
): Promise<Bed> {
  const wan = network === 'wan';
  const meridian = protocols.some((one) => ofMeridian.includes(one))
    ? await startMeridian({ dataDirectory: join(directory, network), wan, undo })
    : undefined;
  const onEtcd = protocols.includes('meridian-etcd')
    ? await startMeridian({ dataDirectory: join(directory, `${network}-etcd`), wan, undo, etcd: true })
    : undefined;
  const baseline = protocols.includes('fastify')
    ? await startBaseline({ directory, host: '127.0.0.1', command: [], undo })
    : undefined;
  const systems: Readonly<Partial<Record<Protocol, System | undefined>>> = {
    http: meridian,
    grpc: meridian,
    sdk: meridian,
    'meridian-etcd': onEtcd,
    fastify: baseline,
  };
  return {
    commandIn: () => [],
    system: (protocol) => systems[protocol],
    emulatorPid: undefined,
    setNetwork: async (wanted) => {
      if (wanted !== network) throw new Error(`this cluster was started for ${network}`);
    },
  };
}

interface StartOptions {
  readonly dataDirectory: string;
  readonly wan: boolean;
  readonly undo: Undo;
  /** The log on three members of etcd. */
  readonly etcd?: boolean;
}

async function startMeridian({ undo, etcd = false, ...options }: StartOptions): Promise<System> {
  const ports = await freePorts(2 * (regionNames.length + memberCount));
  const pair = (i: number): [number, number] => [ports[2 * i]!, ports[2 * i + 1]!];
  const members = Array.from({ length: memberCount }, (_, i) => {
    const [client, peer] = pair(regionNames.length + i);
    return { client, peer };
  });
  const cluster = await startLocalCluster({
    ...options,
    ports: regionNames.map((_, i) => ({ http: pair(i)[0], peer: pair(i)[1] })),
    etcd: etcd ? { ports: members } : undefined,
  });
  undo.add(() => cluster.stop());
  const system = await meridianOf(cluster);
  if (!etcd) return system;
  const version = (await cluster.etcd[0]?.status())?.version;
  return {
    ...system,
    version: `${system.version} on etcd ${version}`,
    pids: new Map([...system.pids, ...cluster.etcd.map(({ name, pid }) => [name, pid] as const)]),
    prepare: () => leadFromFirst(cluster.etcd),
  };
}

/** etcd's leader is where the home of `default` is. */
async function leadFromFirst(members: readonly EtcdMember[]): Promise<void> {
  const leader = await leaderOf(members);
  if (leader === undefined) throw new Error('etcd has no leader');
  if (leader !== members[0]) await leader.transferLeadership(members[0]!);
}

async function meridianOf(cluster: LocalCluster): Promise<System> {
  const nodeIn = (region: RegionName) => cluster.config.nodes.find((node) => node.region === region)!;
  return {
    version: `Meridian ${await packageVersion()}`,
    address: (protocol, region) => {
      const { http, peer } = nodeIn(region);
      const { host, port } = protocol === 'http' ? http : peer;
      return `${host}:${port}`;
    },
    pids: new Map(cluster.nodes.map((node) => [node.region, node.pid])),
  };
}
