import type { FastifyInstance, FastifyReply, FastifyRequest, RouteGenericInterface } from 'fastify';
import Type, { type Static } from 'typebox';
import { succeed, type ErrorCode, type Result } from '../../../model/errors.js';
import type { KeyspaceAdmin, NodeService } from '../../../transaction/service.js';
import { planView, recoveryView } from '../../admin-view.js';
import { keyspaceView } from '../../cluster-view.js';
import { invalid } from '../../invalid.js';
import { keyspaceNotFound } from '../../refusals.js';
import {
  adminStatusSchema,
  checkBegunSchema,
  forgottenSchema,
  planSchema,
  recoverySchema,
  rejoinSchema,
} from '../admin-schemas.js';
import { sendJson } from '../answers.js';
import { pathParameters, responses, type Success } from '../documentation.js';
import type { KeyspacePath } from '../exchange.js';
import { refuse } from '../refusals.js';

const strict = { additionalProperties: false } as const;
const emptyBody = Type.Union([Type.Object({}, strict), Type.Null()], {
  description: 'Nothing, or an empty object.',
});
const planQuery = Type.Object(
  {
    without: Type.Optional(
      Type.String({ description: 'Nodes that are lost, with commas between them: they are not asked.' }),
    ),
  },
  strict,
);
const recoveryBody = Type.Object(
  {
    without: Type.Array(Type.String(), {
      maxItems: 1000,
      description: 'Nodes that are lost: they are not asked. An empty list: none is.',
    }),
  },
  strict,
);

const forgettingBody = Type.Object(
  { node: Type.String({ description: 'A node that will not come back.' }) },
  strict,
);

interface Plain {
  Params: KeyspacePath;
}
interface Planning extends Plain {
  Querystring: Static<typeof planQuery>;
}
interface Recovering extends Plain {
  Body: Static<typeof recoveryBody>;
}
interface Forgetting extends Plain {
  Body: Static<typeof forgettingBody>;
}

const url = '/v1/admin/keyspaces/:keyspace';
const config = { admin: true };

/** What operators ask of a node about a keyspace; answered also where the keyspace is not served. */
export function adminRoutes(app: FastifyInstance, node: NodeService): void {
  app.get<Plain>(url, { config, schema: statusSchema }, onAdmin<Plain>(node, 200, showing(node)));
  app.post<Plain>(`${url}/rejoin`, { config, schema: rejoiningSchema }, onAdmin<Plain>(node, 202, rejoining));
  app.get<Planning>(
    `${url}/recovery`,
    { config, schema: planningSchema },
    onAdmin<Planning>(node, 200, async (admin, { query }) => {
      const without = query.without?.split(',') ?? [];
      const named = lostNodes(node, without, () => 'query.without');
      if (!named.ok) return named;
      const plan = await admin.planRecovery({ without });
      return plan.ok ? succeed(planView(plan.value)) : plan;
    }),
  );
  app.post<Recovering>(
    `${url}/recovery`,
    { config, schema: recoveringSchema },
    onAdmin<Recovering>(node, 200, async (admin, { body: { without } }) => {
      const named = lostNodes(node, without, (place) => `without[${place}]`);
      if (!named.ok) return named;
      const recovery = await admin.recover({ without });
      return recovery.ok ? succeed(recoveryView(recovery.value)) : recovery;
    }),
  );
  app.post<Plain>(`${url}/check`, { config, schema: checkingSchema }, onAdmin<Plain>(node, 202, checking));
  app.post<Forgetting>(
    `${url}/forget-node`,
    { config, schema: forgettingSchema },
    onAdmin<Forgetting>(node, 200, async (admin, { body }) => {
      const known = node.peers().map((peer) => peer.node);
      const named = known.find((one) => one === body.node);
      return named === undefined ? notOfCluster('node', body.node, known) : admin.forgetNode(named);
    }),
  );
}

type Run<Route extends RouteGenericInterface> = (
  admin: KeyspaceAdmin,
  request: FastifyRequest<Route>,
) => Promise<Result<object>>;

function onAdmin<Route extends RouteGenericInterface & Plain>(
  node: NodeService,
  status: number,
  run: Run<Route>,
): (request: FastifyRequest<Route>, reply: FastifyReply) => Promise<FastifyReply> {
  return async (request, reply) => {
    const { keyspace } = request.params as KeyspacePath;
    const admin = node.admin(keyspace);
    if (admin === undefined) return refuse(reply, node, keyspaceNotFound(keyspace).failure);
    const result = await run(admin, request);
    return result.ok ? sendJson(reply.code(status), node, result.value) : refuse(reply, node, result.failure);
  };
}

/** A misspelt name must not pass for a node that is lost. */
function lostNodes(
  node: NodeService,
  without: readonly string[],
  fieldOf: (place: number) => string,
): Result<undefined> {
  const known = node.peers().map((peer) => String(peer.node));
  for (const [place, name] of without.entries()) {
    if (!known.includes(name)) return notOfCluster(fieldOf(place), name, known);
    if (without.indexOf(name) !== place) return invalid(fieldOf(place), `${name} is named twice`);
  }
  return succeed(undefined);
}

function notOfCluster(field: string, name: string, known: readonly string[]): Result<never> {
  const complaint = `${JSON.stringify(name)} is no node of this cluster; its nodes are ${known.join(', ')}`;
  return invalid(field, complaint);
}

const showing =
  (node: NodeService): Run<Plain> =>
  async (admin) =>
    succeed({ node: node.node, ...keyspaceView(admin.status()), setAside: await admin.setAside() });

const rejoining: Run<Plain> = (admin) => admin.rejoin();

const checking: Run<Plain> = (admin) => admin.check();

const refusals: readonly ErrorCode[] = [
  'KEYSPACE_NOT_FOUND',
  'PERMISSION_DENIED',
  'OPERATION_REFUSED',
  'OVERLOADED',
];

function described(summary: string, operationId: string, successes: Readonly<Record<number, Success>>) {
  return {
    tags: ['admin'],
    summary,
    operationId,
    params: pathParameters(),
    response: responses(successes, refusals),
  };
}

const statusSchema = described('A keyspace at this node, whether or not it is served', 'getKeyspaceAdmin', {
  200: adminStatusSchema,
});
const rejoiningSchema = {
  ...described("Give this node's copy up and take a new one by snapshot transfer", 'rejoinKeyspace', {
    202: rejoinSchema,
  }),
  description:
    'The copy is set aside, never deleted. Answers once the transfer has begun; `join` of the status follows it.',
  body: emptyBody,
};
const planningSchema = {
  ...described('What recovery would do, and what it could not prove; changes nothing', 'planRecovery', {
    200: planSchema,
  }),
  querystring: planQuery,
};
const recoveringSchema = {
  ...described('Begin a new history with the most advanced copy', 'recoverKeyspace', { 200: recoverySchema }),
  description:
    'At the home node. Answers when it is done, which takes as long as the copy takes to be transferred. The other nodes then ' +
    'have to rejoin.',
  body: recoveryBody,
};
const checkingSchema = {
  ...described('Have all nodes compare their state at one mark in the log', 'checkKeyspace', {
    202: checkBegunSchema,
  }),
  description: "At the node that sequences the keyspace. The verdict appears in the status's `check`.",
  body: emptyBody,
};
const forgettingSchema = {
  ...described('Wait no longer for a node that will not come back', 'forgetNode', { 200: forgottenSchema }),
  description:
    'At the node that sequences a keyspace whose log is in etcd. Holds until that node is heard of again, another takes the ' +
    'role, or the sequencer restarts. A node that can be reached is refused.',
  body: forgettingBody,
};
