import type { NodeId } from '../model/ids.js';
import type { Clock, Timers } from '../runtime/runtime.js';
import type { Address } from '../server/config/address.js';
import { roundTripMs, type ClusterConfig } from '../server/config/config.js';
import { openWanProxy, type WanProxy } from './wan-proxy.js';

/** The long links of a cluster on one machine. */
export interface WanLinks {
  /** Where `from` dials `to`, when a long link is between them. */
  addressOf(from: NodeId, to: NodeId): Address | undefined;
  close(): Promise<void>;
}

export const noWanLinks: WanLinks = { addressOf: () => undefined, close: async () => {} };

/** One proxy for each ordered pair of nodes whose regions have a round trip between them. */
export async function openWanLinks(
  cluster: ClusterConfig,
  { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
): Promise<WanLinks> {
  const proxies = new Map<string, WanProxy>();
  for (const from of cluster.nodes)
    for (const to of cluster.nodes) {
      const roundTrip = roundTripMs(cluster, from.region, to.region);
      if (from.id === to.id || roundTrip === 0) continue;
      const proxy = await openWanProxy({ target: to.peer, oneWayMs: roundTrip / 2, clock, timers });
      proxies.set(linkName(from.id, to.id), proxy);
    }
  return {
    addressOf: (from, to) => proxies.get(linkName(from, to))?.address,
    close: async () => void (await Promise.all([...proxies.values()].map((proxy) => proxy.close()))),
  };
}

function linkName(from: NodeId, to: NodeId): string {
  return `${from} ${to}`;
}
