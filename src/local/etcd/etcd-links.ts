import type { NodeId, RegionId } from '../../model/ids.js';
import type { Clock, Timers } from '../../runtime/runtime.js';
import type { Address } from '../../server/config/address.js';
import { roundTripMs, type ClusterConfig } from '../../server/config/config.js';
import { openWanProxy, type WanProxy } from '../wan-proxy.js';
import { requestHead } from './request-head.js';

/** The long links to the members of a local cluster's etcd. */
export interface EtcdLinks {
  /** Where a node dials a member, when a long link is between them. */
  addressOf(node: NodeId, member: number): Address | undefined;
  close(): Promise<void>;
}

/** A member as its links see it. */
export interface LinkedMember {
  readonly region: RegionId;
  /** Decimal. */
  readonly id: string;
  readonly client: Address;
  /** Where the others dial it. */
  readonly peer: Address;
  /** Where it listens to them. */
  readonly peerListen: Address;
}

export const noEtcdLinks: EtcdLinks = { addressOf: () => undefined, close: async () => {} };

/** On every request between members; hexadecimal. */
const senderHeader = /\r\nX-Server-From: ([0-9a-f]+)\r\n/i;

/**
 * A proxy for each pair of node and member whose regions have a round trip between them, and one before each member's
 * peer port: all members must know a member by one address, so who dials is read from the first request.
 */
export async function openEtcdLinks(
  cluster: ClusterConfig,
  members: readonly LinkedMember[],
  runtime: { readonly clock: Clock; readonly timers: Timers },
): Promise<EtcdLinks> {
  const { clock, timers } = runtime;
  const open: WanProxy[] = [];
  const fromNodes = new Map<string, Address>();
  for (const [i, member] of members.entries()) {
    const oneWayMsFrom = (region: RegionId): number => roundTripMs(cluster, region, member.region) / 2;
    for (const { id, region } of cluster.nodes) {
      const oneWayMs = oneWayMsFrom(region);
      if (oneWayMs === 0) continue;
      const proxy = await openWanProxy({ target: member.client, oneWayMs, clock, timers });
      open.push(proxy);
      fromNodes.set(`${id} ${i}`, proxy.address);
    }
    const oneWayMs = async (socket: Parameters<typeof requestHead>[0]): Promise<number> => {
      const sender = senderHeader.exec(await requestHead(socket))?.[1];
      const from = sender === undefined ? undefined : BigInt(`0x${sender}`).toString();
      const region = members.find(({ id }) => id === from)?.region;
      return region === undefined ? 0 : oneWayMsFrom(region);
    };
    open.push(
      await openWanProxy({ listen: member.peer, target: member.peerListen, oneWayMs, clock, timers }),
    );
  }
  return {
    addressOf: (node, member) => fromNodes.get(`${node} ${member}`),
    close: async () => void (await Promise.all(open.map((proxy) => proxy.close()))),
  };
}
