import { limits } from '../model/limits.js';
import type { KeyspaceStatus, NodeService, PeerStatus } from '../transaction/service.js';

/** Nodes, keyspaces and limits as this node sees them: the body of GET /v1/cluster and the `json` of GetCluster. */
export function clusterView(node: NodeService): Record<string, unknown> {
  const tails = knownTails(node);
  return {
    cluster: node.cluster,
    node: node.node,
    region: node.region,
    version: node.version,
    draining: node.draining,
    nodes: node.peers().map((peer) => nodeView(peer, tails)),
    keyspaces: node.keyspaces().map((service) => keyspaceView(service.status())),
    limits,
  };
}

/** The highest seqno of each keyspace that this node knows of, its own or a peer's. */
function knownTails(node: NodeService): Map<string, number> {
  const tails = new Map<string, number>();
  const raise = (name: string, at: number): void => void tails.set(name, Math.max(at, tails.get(name) ?? 0));
  for (const service of node.keyspaces()) {
    const { name, applied, tail } = service.status();
    raise(name, Math.max(applied, tail));
  }
  for (const peer of node.peers()) for (const one of peer.keyspaces) raise(one.name, one.applied);
  return tails;
}

function nodeView(peer: PeerStatus, tails: ReadonlyMap<string, number>): Record<string, unknown> {
  const { node, region, reachable, roundTripMs, clockSkewMs } = peer;
  const keyspaces = peer.keyspaces.map(({ name, state, applied, position, epoch, sequencing, detail }) => {
    const lag = (tails.get(name) ?? applied) - applied;
    return { name, state, applied, lag, position, epoch, sequencing, detail };
  });
  return { node, region, reachable, roundTripMs, clockSkewMs, keyspaces };
}

/** A status as JSON shows it. */
export function keyspaceView(status: KeyspaceStatus): Record<string, unknown> {
  const { name, uuid, home, log, epoch, sequencer, state, detail } = status;
  const { applied, tail, position, stalenessMs, writable, join, kept, check } = status;
  return {
    ...{ name, uuid, home, log, epoch, sequencer, state, detail },
    ...{ applied, tail, position, stalenessMs, writable },
    ...{ join, kept, check },
  };
}
