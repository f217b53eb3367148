import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { limits } from '../../../model/limits.js';
import type { NodeService, PeerStatus } from '../../../transaction/service.js';
import { sendJson } from '../answers.js';
import { responses } from '../documentation.js';
import { keyspaceStatusJson, keyspaceStatusSchema } from './keyspaces.js';

const strict = { additionalProperties: false } as const;

const nodeSchema = Type.Object(
  {
    node: Type.String(),
    region: Type.String(),
    reachable: Type.Boolean(),
    roundTripMs: Type.Optional(Type.Number({ description: "Through the nodes' own links." })),
    clockSkewMs: Type.Optional(Type.Number()),
    keyspaces: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          state: Type.String(),
          applied: Type.Integer(),
          lag: Type.Integer({ description: 'Transactions behind the highest seqno known here.' }),
          position: Type.Integer(),
          epoch: Type.Integer(),
          sequencing: Type.Boolean(),
          detail: Type.Optional(Type.String()),
        },
        strict,
      ),
    ),
  },
  strict,
);

const clusterSchema = Type.Object(
  {
    cluster: Type.String(),
    node: Type.String({ description: 'The node that answers.' }),
    region: Type.String(),
    version: Type.String(),
    draining: Type.Boolean(),
    nodes: Type.Array(nodeSchema, { description: 'This node first.' }),
    keyspaces: Type.Array(keyspaceStatusSchema),
    limits: Type.Record(Type.String(), Type.Integer()),
  },
  strict,
);

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

function nodeJson(peer: PeerStatus, tails: ReadonlyMap<string, number>): Record<string, unknown> {
  const { node, region, reachable, roundTripMs, clockSkewMs } = peer;
  const keyspaces = peer.keyspaces.map(({ name, state, applied, position, epoch, sequencing, detail }) => {
    const lag = (tails.get(name) ?? applied) - applied;
    return { name, state, applied, lag, position, epoch, sequencing, detail };
  });
  return { node, region, reachable, roundTripMs, clockSkewMs, keyspaces };
}

export function clusterRoute(app: FastifyInstance, node: NodeService): void {
  const schema = {
    tags: ['cluster'],
    summary: 'Nodes, regions, states, lag, sequencers, round trips and limits, as this node sees them',
    operationId: 'getCluster',
    response: responses({ 200: clusterSchema }, []),
  };
  app.get('/v1/cluster', { schema }, (_request, reply) => {
    const tails = knownTails(node);
    return sendJson(reply, node, {
      cluster: node.cluster,
      node: node.node,
      region: node.region,
      version: node.version,
      draining: node.draining,
      nodes: node.peers().map((peer) => nodeJson(peer, tails)),
      keyspaces: node.keyspaces().map((service) => keyspaceStatusJson(service.status())),
      limits,
    });
  });
}
