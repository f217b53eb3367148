import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { NodeService } from '../../../transaction/service.js';
import { clusterView } from '../../cluster-view.js';
import { sendJson } from '../answers.js';
import { responses } from '../documentation.js';
import { keyspaceStatusSchema } from '../keyspace-schemas.js';

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

export function clusterRoute(app: FastifyInstance, node: NodeService): void {
  const schema = {
    tags: ['cluster'],
    summary: 'Nodes, regions, states, lag, sequencers, round trips and limits, as this node sees them',
    operationId: 'getCluster',
    response: responses({ 200: clusterSchema }, []),
  };
  app.get('/v1/cluster', { schema }, (_request, reply) => sendJson(reply, node, clusterView(node)));
}
