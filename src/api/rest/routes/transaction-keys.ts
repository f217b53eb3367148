import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { fail, succeed, type Result } from '../../../model/errors.js';
import type { TransactionId } from '../../../model/ids.js';
import { describeKey, type Key } from '../../../model/keys.js';
import { limits } from '../../../model/limits.js';
import type {
  InteractiveTransaction,
  KeyspaceService,
  MutationRequest,
  NodeService,
} from '../../../transaction/service.js';
import { invalid } from '../../invalid.js';
import { nameMinter } from '../../minter.js';
import type { Answer } from '../answers.js';
import { insideErrors, pathParameters, responses } from '../documentation.js';
import { onKeyspace, transactionIdOf, type KeyspaceRoute, type TransactionPath } from '../exchange.js';
import { listQuery, pageRequestOf, type PageRequest } from '../list-query.js';
import { mutationsOf, ttlMsOf } from '../operations.js';
import { pageJson } from '../outcomes.js';
import { keyOfTarget, slashesBeforeTransactionKey } from '../path-keys.js';
import { rawBodyOf, refuseBody, valueHeaders } from '../raw-values.js';
import { mutationSchema, pageSchema, requestHeaders, ttlSeconds } from '../schemas.js';

const noQuery = Type.Object({}, { additionalProperties: false });
const putQuery = Type.Object({ ttl: Type.Optional(ttlSeconds) }, { additionalProperties: false });
const mutationsBody = Type.Object({ mutations: Type.Array(mutationSchema) }, { additionalProperties: false });

interface Keyed {
  Params: TransactionPath;
  Querystring: Static<typeof putQuery>;
  Body: Buffer | undefined;
}
interface Listing {
  Params: TransactionPath;
  Querystring: Static<typeof listQuery>;
}
interface Mutating {
  Params: TransactionPath;
  Body: Static<typeof mutationsBody>;
}

const base = '/v1/keyspaces/:keyspace/transactions/:id';
const headers = Type.Object(requestHeaders);
const buffered = { 204: { empty: 'Buffered until COMMIT.' } };
const ofKey = { tags: ['transactions'], params: pathParameters('id', '*'), headers };
const writeErrors = [...insideErrors, 'VALUE_TOO_LARGE'] as const;

/** Keys inside a transaction, their values raw. The instance must parse every body as bytes. */
export function transactionKeyRoutes(app: FastifyInstance, node: NodeService): void {
  const url = `${base}/keys/*`;
  const raw = { raw: 'The value, byte for byte.', contentType: '*/*' };
  const getSchema = {
    ...ofKey,
    summary: 'Read a key inside the transaction',
    operationId: 'getTransactionKey',
    querystring: noQuery,
    response: responses({ 200: raw }, [...insideErrors, 'KEY_NOT_FOUND']),
  };
  app.get<Keyed>(url, { schema: getSchema }, onKeyspace(node, reading(node)));
  const putSchema = {
    ...ofKey,
    summary: 'Write a key inside the transaction',
    operationId: 'putTransactionKey',
    consumes: ['*/*'],
    querystring: putQuery,
    response: responses(buffered, writeErrors),
  };
  const bodyLimit = limits.valueBytesMax;
  app.put<Keyed>(url, { bodyLimit, schema: putSchema }, onKeyspace(node, putting(node)));
  const deleteSchema = {
    ...ofKey,
    summary: 'Delete a key inside the transaction',
    operationId: 'deleteTransactionKey',
    querystring: noQuery,
    response: responses(buffered, insideErrors),
  };
  app.delete<Keyed>(url, { schema: deleteSchema }, onKeyspace(node, deleting(node)));
}

/** Lists and lists of mutations inside a transaction. */
export function transactionBatchRoutes(app: FastifyInstance, node: NodeService): void {
  const ofTransaction = { tags: ['transactions'], params: pathParameters('id'), headers };
  const listSchema = {
    ...ofTransaction,
    summary: 'List keys inside the transaction',
    operationId: 'listTransactionKeys',
    querystring: listQuery,
    response: responses({ 200: pageSchema }, insideErrors),
  };
  app.get<Listing>(`${base}/keys`, { schema: listSchema }, onKeyspace(node, listing(node)));
  const mutationsSchema = {
    ...ofTransaction,
    summary: 'Add mutations to the transaction, in order',
    operationId: 'addTransactionMutations',
    body: mutationsBody,
    response: responses(buffered, [...writeErrors, 'TYPE_MISMATCH']),
  };
  app.post<Mutating>(`${base}/mutations`, { schema: mutationsSchema }, onKeyspace(node, mutating(node)));
}

interface InsideInput<What> {
  readonly id: TransactionId;
  readonly what: What;
}

/** Does `act` in the open transaction; says where it lives when it is not here. */
async function inside<What>(
  node: NodeService,
  service: KeyspaceService,
  { id, what }: InsideInput<What>,
  act: (transaction: InteractiveTransaction, what: What) => Promise<Result<Answer>>,
): Promise<Result<Answer>> {
  const transaction = service.open(id);
  const result = transaction.ok ? await act(transaction.value, what) : transaction;
  return result.ok ? result : { ok: false, failure: nameMinter(node, id, result.failure) };
}

function parseKeyed(request: FastifyRequest<Keyed>): Result<InsideInput<Key>> {
  const id = transactionIdOf(request.params.id);
  if (!id.ok) return id;
  const { headers: given } = request;
  if (given['if-match'] !== undefined || given['if-none-match'] !== undefined) {
    return invalid('header.If-Match', 'conditions go with single writes; here, read the key');
  }
  const key = keyOfTarget(request.raw.url!, slashesBeforeTransactionKey);
  return key.ok ? succeed({ id: id.value, what: key.value }) : key;
}

const reading = (node: NodeService): KeyspaceRoute<Keyed, InsideInput<Key>> => ({
  parse: parseKeyed,
  run: (service, input) =>
    inside(node, service, input, async (transaction, key) => {
      const value = await transaction.get(key);
      if (!value.ok) return value;
      const gtid = transaction.snapshot;
      if (value.value !== undefined) return succeed({ gtid, ...valueHeaders(value.value, undefined) });
      return fail('KEY_NOT_FOUND', `no key ${JSON.stringify(describeKey(key))}`, {
        details: { key: describeKey(key) },
        token: gtid,
      });
    }),
});

const putting = (node: NodeService): KeyspaceRoute<Keyed, InsideInput<readonly MutationRequest[]>> => ({
  parse(request) {
    const keyed = parseKeyed(request);
    if (!keyed.ok) return keyed;
    const value = rawBodyOf(request);
    if (!value.ok) return value;
    const { id, what: key } = keyed.value;
    return succeed({ id, what: [{ kind: 'set', key, ...value.value, ttlMs: ttlMsOf(request.query.ttl) }] });
  },
  run: (service, input) => inside(node, service, input, mutate),
});

const deleting = (node: NodeService): KeyspaceRoute<Keyed, InsideInput<readonly MutationRequest[]>> => ({
  parse(request) {
    const keyed = parseKeyed(request);
    if (!keyed.ok) return keyed;
    const refused = refuseBody(request);
    if (refused !== undefined) return refused;
    return succeed({ id: keyed.value.id, what: [{ kind: 'delete', key: keyed.value.what }] });
  },
  run: (service, input) => inside(node, service, input, mutate),
});

const mutating = (node: NodeService): KeyspaceRoute<Mutating, InsideInput<readonly MutationRequest[]>> => ({
  parse({ params, body }) {
    const id = transactionIdOf(params.id);
    if (!id.ok) return id;
    const mutations = mutationsOf(body.mutations);
    return mutations.ok ? succeed({ id: id.value, what: mutations.value }) : mutations;
  },
  run: (service, input) => inside(node, service, input, mutate),
});

async function mutate(
  transaction: InteractiveTransaction,
  mutations: readonly MutationRequest[],
): Promise<Result<Answer>> {
  for (const mutation of mutations) {
    const added = await transaction.mutate(mutation);
    if (!added.ok) return added;
  }
  return succeed({ status: 204, gtid: transaction.snapshot, body: undefined });
}

const listing = (node: NodeService): KeyspaceRoute<Listing, InsideInput<PageRequest>> => ({
  parse({ params, query }, { service }) {
    const id = transactionIdOf(params.id);
    if (!id.ok) return id;
    const page = pageRequestOf(query, { transaction: id.value, history: service.status().uuid });
    return page.ok ? succeed({ id: id.value, what: page.value }) : page;
  },
  run: (service, input) =>
    inside(node, service, input, async (transaction, { range, limit, reverse, encoding }) => {
      const page = await transaction.list(range, { limit, reverse });
      if (!page.ok) return page;
      const { entries, rest } = page.value;
      const gtid = transaction.snapshot;
      const body = pageJson(entries, rest, { gtid, reverse, encoding, transaction: transaction.id });
      return succeed({ gtid, body });
    }),
});
