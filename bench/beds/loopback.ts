import { join } from 'node:path';
import { startLocalCluster, type LocalCluster } from '../../src/local/cluster.js';
import { freePorts } from '../../src/local/ports.js';
import { packageVersion } from '../../src/runtime/system/package-version.js';
import { regionNames, type Network, type Protocol, type RegionName } from '../model.js';
import type { Undo } from '../run/undo.js';
import { startBaseline } from '../systems/baseline.js';
import type { Bed, System } from '../systems/system.js';

/** A cluster on the loopback interface, its WAN emulated by the proxies of src/local. No root; one network for its life. */
export async function layLoopback(
  directory: string,
  network: Network,
  protocols: readonly Protocol[],
  undo: Undo,
): Promise<Bed> {
  const ports = await freePorts(2 * regionNames.length);
  const cluster = await startLocalCluster({
    dataDirectory: join(directory, network),
    ports: regionNames.map((_, i) => ({ http: ports[2 * i]!, peer: ports[2 * i + 1]! })),
    wan: network === 'wan',
  });
  undo.add(() => cluster.stop());
  const meridian = await meridianOf(cluster);
  const baseline = protocols.includes('fastify')
    ? await startBaseline({ directory, host: '127.0.0.1', command: [], undo })
    : undefined;
  const systems: Readonly<Partial<Record<Protocol, System | undefined>>> = {
    http: meridian,
    grpc: meridian,
    sdk: meridian,
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
