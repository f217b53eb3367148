import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { succeed } from '../../../model/errors.js';
import type { NodeService } from '../../../transaction/service.js';
import { keyspaceView } from '../../cluster-view.js';
import { sendJson } from '../answers.js';
import { keyspaceErrors, pathParameters, responses } from '../documentation.js';
import { onKeyspace, type KeyspacePath, type KeyspaceRoute } from '../exchange.js';
import { keyspaceStatusSchema } from '../keyspace-schemas.js';
import { gtidText } from '../schemas.js';

const hashSchema = Type.Object(
  { hash: Type.String({ description: 'SHA-256, hexadecimal.' }), keys: Type.Integer(), gtid: gtidText },
  { additionalProperties: false },
);

const hashing: KeyspaceRoute<{ Params: KeyspacePath }, undefined> = {
  parse: () => succeed(undefined),
  async run(service) {
    const hashed = await service.stateHash();
    if (!hashed.ok) return hashed;
    const { hash, keys, gtid } = hashed.value;
    return succeed({ gtid, body: JSON.stringify({ hash, keys, gtid }) });
  },
};

export function keyspaceRoutes(app: FastifyInstance, node: NodeService): void {
  const listSchema = {
    tags: ['cluster'],
    summary: 'All keyspaces, as this node sees them',
    operationId: 'listKeyspaces',
    response: responses(
      { 200: Type.Object({ keyspaces: Type.Array(keyspaceStatusSchema) }, { additionalProperties: false }) },
      [],
    ),
  };
  app.get('/v1/keyspaces', { schema: listSchema }, (_request, reply) =>
    sendJson(reply, node, { keyspaces: node.keyspaces().map((one) => keyspaceView(one.status())) }),
  );
  const hashRouteSchema = {
    tags: ['cluster'],
    summary: "Hash this node's whole state of a keyspace",
    description: 'For operators: reads every key of the keyspace. Equal at equal GTIDs on all nodes.',
    operationId: 'getStateHash',
    params: pathParameters(),
    response: responses({ 200: hashSchema }, keyspaceErrors),
  };
  app.get<{ Params: KeyspacePath }>(
    '/v1/keyspaces/:keyspace/state-hash',
    { schema: hashRouteSchema },
    onKeyspace(node, hashing),
  );
}
