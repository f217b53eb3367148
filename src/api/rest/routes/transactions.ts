import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { succeed, type Result } from '../../../model/errors.js';
import type { TransactionId } from '../../../model/ids.js';
import { limits } from '../../../model/limits.js';
import type { BeginOptions, KeyspaceService, NodeService } from '../../../transaction/service.js';
import type { Answer } from '../answers.js';
import { commitErrors, keyspaceErrors, pathParameters, readErrors, responses } from '../documentation.js';
import {
  freshnessOf,
  onKeyspace,
  transactionIdOf,
  type KeyspacePath,
  type KeyspaceRoute,
  type TransactionPath,
} from '../exchange.js';
import { committedJson } from '../outcomes.js';
import {
  causalFlag,
  causalTimeout,
  committedSchema,
  gtidText,
  isolationWord,
  requestHeaders,
  transactionIdText,
} from '../schemas.js';
import { answerState, stateSchema } from '../transaction-states.js';

const beginBody = Type.Object(
  {
    isolation: Type.Optional(isolationWord),
    causal: Type.Optional(causalFlag),
    causalTimeoutMs: Type.Optional(causalTimeout),
    timeoutMs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: limits.transactionIdleMsMax,
        description: `Rolled back after this long without a request. Default: ${limits.transactionIdleMsMax} ms.`,
      }),
    ),
  },
  { additionalProperties: false },
);
const begunSchema = Type.Object(
  { transactionId: transactionIdText, snapshot: gtidText },
  { additionalProperties: false },
);
const emptyBody = Type.Union([Type.Object({}, { additionalProperties: false }), Type.Null()], {
  description: 'Nothing, or an empty object.',
});

interface Beginning {
  Params: KeyspacePath;
  Body: Static<typeof beginBody> | null | undefined;
}
interface OfTransaction {
  Params: TransactionPath;
}

const url = '/v1/keyspaces/:keyspace/transactions';

export function transactionRoutes(app: FastifyInstance, node: NodeService): void {
  app.post<Beginning>(url, { schema: beginSchema }, onKeyspace(node, beginning));
  app.get<OfTransaction>(`${url}/:id`, { schema: stateRouteSchema }, onKeyspace(node, inspecting(node)));
  app.post<OfTransaction>(`${url}/:id/commit`, { schema: commitSchema }, onKeyspace(node, committing));
  app.post<OfTransaction>(
    `${url}/:id/rollback`,
    { schema: rollbackSchema },
    onKeyspace(node, rollingBack(node)),
  );
}

const headers = Type.Object(requestHeaders);
const beginSchema = {
  tags: ['transactions'],
  summary: 'Begin an interactive transaction on this node',
  operationId: 'beginTransaction',
  params: pathParameters(),
  headers,
  body: Type.Union([beginBody, Type.Null()]),
  response: responses({ 201: begunSchema }, readErrors),
};
const stateRouteSchema = {
  tags: ['transactions'],
  summary: 'The state and outcome of a transaction',
  operationId: 'getTransaction',
  params: pathParameters('id'),
  headers,
  response: responses({ 200: stateSchema }, keyspaceErrors),
};
const commitSchema = {
  tags: ['transactions'],
  summary: 'Commit; of an id that is not open here: resolve it',
  operationId: 'commitTransaction',
  params: pathParameters('id'),
  headers,
  body: emptyBody,
  response: responses({ 200: committedSchema }, [
    ...commitErrors,
    'TRANSACTION_EXPIRED',
    'TRANSACTION_NOT_FOUND',
  ]),
};
const rollbackSchema = {
  tags: ['transactions'],
  summary: 'Roll back; of an id that is not open here: resolve it',
  operationId: 'rollbackTransaction',
  params: pathParameters('id'),
  headers,
  body: emptyBody,
  response: responses({ 200: stateSchema }, commitErrors),
};

const beginning: KeyspaceRoute<Beginning, BeginOptions> = {
  parse({ body }, { token }) {
    const fields = body ?? {};
    return succeed({
      isolation: fields.isolation ?? 'serializable',
      ...freshnessOf(fields, token),
      idleTimeoutMs: fields.timeoutMs,
    });
  },
  async run(service, options) {
    const begun = await service.begin(options);
    if (!begun.ok) return begun;
    const { id, snapshot } = begun.value;
    const location = `/v1/keyspaces/${service.name}/transactions/${id}`;
    const body = `{"transactionId":"${id}","snapshot":"${snapshot}"}`;
    return succeed({ status: 201, gtid: snapshot, headers: { Location: location }, body });
  },
};

function parseId(request: FastifyRequest<OfTransaction>): Result<TransactionId> {
  return transactionIdOf(request.params.id);
}

const inspecting = (node: NodeService): KeyspaceRoute<OfTransaction, TransactionId> => ({
  parse: parseId,
  run: (service, id) =>
    Promise.resolve(answerState(node, service, { id, state: service.transactionState(id) })),
});

const committing: KeyspaceRoute<OfTransaction, TransactionId> = {
  parse: parseId,
  async run(service: KeyspaceService, id): Promise<Result<Answer>> {
    const committed = await service.commit(id);
    if (!committed.ok) return committed;
    return succeed({ gtid: committed.value.gtid, body: committedJson(committed.value) });
  },
};

const rollingBack = (node: NodeService): KeyspaceRoute<OfTransaction, TransactionId> => ({
  parse: parseId,
  async run(service, id): Promise<Result<Answer>> {
    const state = await service.rollback(id);
    return state.ok ? answerState(node, service, { id, state: state.value }) : state;
  },
});
