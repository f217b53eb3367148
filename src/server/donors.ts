import { uuidFromBytes, type KeyspaceId, type NodeId, type RegionId } from '../model/ids.js';
import type { DonorCandidate } from '../transfer/snapshot-joiner.js';
import type { GossipStatus } from '../transport/messages.js';

/** A node of the cluster, and what it last said of a keyspace. */
export interface PeerCopy {
  readonly node: NodeId;
  readonly region: RegionId;
  readonly reachable: boolean;
  readonly roundTripMs: number | undefined;
  /** Undefined when it has said nothing of the keyspace yet. */
  readonly said: GossipStatus['keyspaces'][number] | undefined;
}

/** Round trips that differ by less count as the same. */
const roundTripMsStep = 10;

/** Nodes that serve the history, in the order in which a joiner of `region` should ask them. */
export function donorsAmong(
  peers: readonly PeerCopy[],
  history: KeyspaceId | undefined,
  { region, home }: { readonly region: RegionId; readonly home: NodeId },
): DonorCandidate[] {
  const rank = (peer: PeerCopy): readonly number[] => [
    peer.region === region ? 0 : 1,
    Math.round((peer.roundTripMs ?? Infinity) / roundTripMsStep),
    peer.node === home ? 1 : 0,
  ];
  if (history === undefined) return [];
  return peers
    .filter((peer) => isServing(peer) && historyOf(peer.said) === history)
    .sort((a, b) => compare(rank(a), rank(b)))
    .map(({ node, said }) => ({ node, keyspaceId: history, position: said!.position }));
}

/** A node alone, as long as it holds what it was chosen for; none while it cannot be asked. */
export function donorAt(peers: readonly PeerCopy[], chosen: DonorCandidate): DonorCandidate[] {
  const { node, keyspaceId, position } = chosen;
  return peers
    .filter((peer) => peer.node === node && (isServing(peer) || isRestorable(peer)))
    .filter(({ said }) => historyOf(said) === keyspaceId && said!.position >= position)
    .map(({ said }) => ({ node, keyspaceId, position: said!.position }));
}

/** The node's whose word on the history counts, as it last said; else the newest of those that are served: its seqnos are above those of what it replaced. */
export function historyThatCounts(
  peers: readonly PeerCopy[],
  authority: NodeId | undefined,
): KeyspaceId | undefined {
  const told = historyOf(peers.find(({ node }) => node === authority)?.said);
  if (told !== undefined) return told;
  const serving = peers.filter(isServing).sort((a, b) => b.said!.seqno - a.said!.seqno);
  return historyOf(serving[0]?.said);
}

/** Whether it is reached, and its copy is served. */
export function isServing({ reachable, said }: PeerCopy): boolean {
  return reachable && (said?.state === 'synced' || said?.state === 'catching-up');
}

/** Whether it says that it sequences the keyspace. */
export function isSequencing({ reachable, said }: PeerCopy): boolean {
  return reachable && said?.sequencing === true;
}

/** Whether a log that nodes share could be restored from its copy. */
export function isRestorable({ reachable, said }: PeerCopy): boolean {
  return reachable && said?.restorable === true;
}

export function historyOf(said: PeerCopy['said']): KeyspaceId | undefined {
  return said === undefined || said.keyspaceId.length === 0
    ? undefined
    : (uuidFromBytes(said.keyspaceId) as KeyspaceId);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}
