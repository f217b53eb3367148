import { openWanProxy, type WanProxy } from '../../src/local/wan-proxy.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import { formatAddress } from '../../src/server/config/address.js';
import type { TestCluster } from './cluster.js';

/** host:port where a node takes the public gRPC API. */
export function endpointOf(cluster: Pick<TestCluster, 'config'>, node: string): string {
  const found = cluster.config.nodes.find(({ id }) => id === node);
  if (found === undefined) throw new RangeError(`there is no node ${node}`);
  return formatAddress(found.peer);
}

export function endpointsOf(cluster: Pick<TestCluster, 'config'>): string[] {
  return cluster.config.nodes.map(({ peer }) => formatAddress(peer));
}

/** The nodes as a client sees them that has a place in the world. */
export interface Place {
  /** In the order of the distances that were given. */
  readonly endpoints: readonly string[];
  close(): Promise<void>;
}

/** `oneWayMs` per node; 0: no proxy stands between. */
export async function placeAt(
  cluster: Pick<TestCluster, 'config'>,
  oneWayMs: Readonly<Record<string, number>>,
): Promise<Place> {
  const { clock, timers } = createSystemRuntime(silentLogger);
  const proxies: WanProxy[] = [];
  const endpoints: string[] = [];
  for (const [node, ms] of Object.entries(oneWayMs)) {
    if (ms === 0) {
      endpoints.push(endpointOf(cluster, node));
      continue;
    }
    const { peer: target } = cluster.config.nodes.find(({ id }) => id === node)!;
    const proxy = await openWanProxy({ target, oneWayMs: ms, clock, timers });
    proxies.push(proxy);
    endpoints.push(formatAddress(proxy.address));
  }
  return {
    endpoints,
    close: async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))),
  };
}
