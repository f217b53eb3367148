import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { failure } from '../../../model/errors.js';
import type { NodeService } from '../../../transaction/service.js';
import { readinessOf } from '../../readiness.js';
import { keyspaceNotFound } from '../../refusals.js';
import { sendJson, sendProblem } from '../answers.js';
import { responses } from '../documentation.js';

const strict = { additionalProperties: false } as const;
const readyQuery = Type.Object(
  {
    for: Type.Optional(Type.Enum(['read', 'write'], { description: 'Default: read.' })),
    keyspace: Type.Optional(Type.String({ description: 'Ask for this one alone. Default: all.' })),
  },
  strict,
);
const readiness = Type.Object(
  {
    name: Type.String(),
    ready: Type.Boolean(),
    state: Type.String(),
    detail: Type.Optional(Type.String()),
  },
  strict,
);
const readySchema = Type.Object({ status: Type.Literal('ready'), keyspaces: Type.Array(readiness) }, strict);
const aliveSchema = Type.Object({ status: Type.Literal('alive') }, strict);

interface Readying {
  Querystring: Static<typeof readyQuery>;
}

/** Probes of a supervisor or load balancer; they need no token. */
export function healthRoutes(app: FastifyInstance, node: NodeService): void {
  const config = { public: true };
  const liveSchema = {
    tags: ['health'],
    summary: 'The process answers',
    operationId: 'getLiveness',
    security: [],
    response: responses({ 200: aliveSchema }, []),
  };
  app.get('/livez', { config, schema: liveSchema }, (_request, reply) =>
    sendJson(reply, node, { status: 'alive' }),
  );
  const schema = {
    tags: ['health'],
    summary: 'Requests would be served, all keyspaces considered',
    operationId: 'getReadiness',
    security: [],
    querystring: readyQuery,
    response: responses({ 200: readySchema }, ['NODE_NOT_READY', 'KEYSPACE_NOT_FOUND']),
  };
  app.get<Readying>('/readyz', { config, schema }, async (request, reply) => {
    const { for: purpose = 'read', keyspace } = request.query;
    const subject = { node, service: undefined, sent: undefined };
    const asked = node.keyspaces().filter(({ name }) => keyspace === undefined || name === keyspace);
    if (keyspace !== undefined && asked.length === 0) {
      return sendProblem(reply, subject, keyspaceNotFound(keyspace).failure);
    }
    const keyspaces = await Promise.all(asked.map((service) => readinessOf(service, purpose)));
    if (!node.draining && keyspaces.every((one) => one.ready)) {
      return sendJson(reply, node, { status: 'ready', keyspaces });
    }
    const state = node.draining ? 'draining' : keyspaces.find((one) => !one.ready)!.state;
    const message = `this node is not ready to ${purpose}`;
    return sendProblem(reply, subject, failure('NODE_NOT_READY', message, { details: { state, keyspaces } }));
  });
}
