import type { NodeId, RegionId } from '../model/ids.js';
import type { Head } from '../storage/store.js';
import { historyOf, isServing, type PeerCopy } from './donors.js';

/** Who is to sequence a keyspace that any of its nodes may. */
export interface Preference {
  readonly self: NodeId;
  /** Of the keyspace, this one included, in the cluster file's order. */
  readonly nodes: readonly { readonly id: NodeId; readonly region: RegionId }[];
  readonly home: RegionId;
  /** The node of the home region that is preferred. */
  readonly homeNode: NodeId;
}

/** Who is further behind the others than this is chosen last, in entries. */
const behindMax = 1000;

/** The nodes that may sequence now, this one included, the first preferred; `gone` had the role, and lost it just now. */
export function inOrderOfPreference(
  { self, nodes, home, homeNode }: Preference,
  peers: readonly PeerCopy[],
  gone: NodeId | undefined,
  ownPosition: number,
): NodeId[] {
  const saidBy = new Map(peers.map((peer) => [peer.node, peer]));
  const furthest = Math.max(0, ...peers.map(({ said }) => said?.position ?? 0));
  // Before anyone has read the log's first entries all are joining.
  const isBeginning = ownPosition < 0;
  const isFit = (id: NodeId): boolean => {
    if (id === self) return true;
    const peer = saidBy.get(id);
    return id !== gone && peer !== undefined && (isServing(peer) || (isBeginning && isJoining(peer)));
  };
  const positionOf = (id: NodeId): number =>
    id === self ? ownPosition : (saidBy.get(id)?.said?.position ?? 0);
  const rank = ({ id, region }: Preference['nodes'][number]): number =>
    (furthest - positionOf(id) > behindMax ? 4 : 0) + (region === home ? 0 : 2) + (id === homeNode ? 0 : 1);
  return nodes
    .filter(({ id }) => isFit(id))
    .sort((a, b) => rank(a) - rank(b))
    .map(({ id }) => id);
}

/** A node of the home region that is as good a sequencer as `self`, which is of another region; undefined when there is none. */
export function betterPlaced(
  preference: Preference,
  head: Head,
  peers: readonly PeerCopy[],
): NodeId | undefined {
  const { self, nodes, home } = preference;
  const regionOf = (id: NodeId): RegionId | undefined => nodes.find((node) => node.id === id)?.region;
  if (regionOf(self) === home) return undefined;
  const [first] = inOrderOfPreference(preference, peers, undefined, head.position);
  if (first === undefined || regionOf(first) !== home) return undefined;
  const said = peers.find(({ node }) => node === first)?.said;
  const isNear = said?.state === 'synced' && head.position - said.position <= behindMax;
  return isNear && historyOf(said) === head.keyspaceId ? first : undefined;
}

/** Up to where the log is held durably by `self` and by a node of another region, where there are several. */
export function heldElsewhere(
  { self, nodes }: Preference,
  head: Head,
  peers: readonly PeerCopy[],
): { readonly position: number; readonly heldBackBy: string | undefined } {
  const ownRegion = nodes.find(({ id }) => id === self)?.region;
  const known = new Map(peers.map((peer) => [peer.node, peer]));
  const others = nodes.filter(({ id }) => id !== self && known.has(id));
  const abroad = others.filter(({ region }) => region !== ownRegion);
  const counted = abroad.length > 0 ? abroad : others;
  if (counted.length === 0) return { position: head.position, heldBackBy: undefined };
  const positions = counted.map(({ id }) => {
    const said = known.get(id)?.said;
    return historyOf(said) === head.keyspaceId ? said!.position : -1;
  });
  const position = Math.min(head.position, Math.max(...positions));
  const away = counted
    .filter(({ id }) => known.get(id)?.reachable !== true)
    .map(({ id, region }) => `${id} (${region})`);
  const heldBackBy =
    away.length === counted.length
      ? `no node of another region can be reached: ${away.join(', ')}; meridian forget-node names those that will not come back`
      : undefined;
  return { position, heldBackBy };
}

function isJoining({ reachable, said }: PeerCopy): boolean {
  return reachable && said?.state === 'joining';
}
