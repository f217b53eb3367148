import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { fail, succeed, type JsonValue, type Result } from '../../../model/errors.js';
import { describeKey, type Key } from '../../../model/keys.js';
import { limits } from '../../../model/limits.js';
import type { VersionedValue } from '../../../model/value.js';
import type {
  Check,
  Freshness,
  KeyspaceService,
  MutationRequest,
  NodeService,
  SnapshotRead,
  TransactRequest,
} from '../../../transaction/service.js';
import { contentOf } from '../../content.js';
import type { Answer } from '../answers.js';
import { checksOf, conditionsOf, etag, judgeRead, type Conditions } from '../conditions.js';
import { pathParameters, readErrors, responses, writeErrors } from '../documentation.js';
import {
  freshnessOf,
  identityOf,
  onKeyspace,
  type KeyspacePath,
  type KeyspaceRoute,
  type Surroundings,
} from '../exchange.js';
import { ttlMsOf } from '../operations.js';
import { writtenJson } from '../outcomes.js';
import { keyOfTarget, slashesBeforeKey } from '../path-keys.js';
import { refuseBody, rawBodyOf, valueHeaders } from '../raw-values.js';
import {
  causalFlag,
  causalTimeout,
  conditionHeaders,
  idempotencyHeader,
  requestHeaders,
  ttlSeconds,
  writtenSchema,
} from '../schemas.js';

const strict = { additionalProperties: false } as const;
const readQuery = Type.Object(
  { causal: Type.Optional(causalFlag), causalTimeoutMs: Type.Optional(causalTimeout) },
  strict,
);
const putQuery = Type.Object({ ...readQuery.properties, ttl: Type.Optional(ttlSeconds) }, strict);

interface Reading {
  Params: KeyspacePath;
  Querystring: Static<typeof readQuery>;
}
interface Putting {
  Params: KeyspacePath;
  Querystring: Static<typeof putQuery>;
  Body: Buffer | undefined;
}

const url = '/v1/keyspaces/:keyspace/keys/*';
const raw = { raw: 'The value, byte for byte.', contentType: '*/*' };
const readHeaders = Type.Object({ ...requestHeaders, ...conditionHeaders });
const writeHeaders = Type.Object({ ...requestHeaders, ...conditionHeaders, ...idempotencyHeader });

/** Single keys, their values raw. The instance must parse every body as bytes. */
export function keyRoutes(app: FastifyInstance, node: NodeService): void {
  const readSchema = {
    tags: ['keys'],
    params: pathParameters('*'),
    querystring: readQuery,
    headers: readHeaders,
    response: responses({ 200: raw, 304: { empty: 'Not modified.' } }, [
      ...readErrors,
      'KEY_NOT_FOUND',
      'CHECK_FAILED',
    ]),
  };
  const read = onKeyspace(node, reading);
  app.get<Reading>(url, { schema: { ...readSchema, summary: 'Read a key', operationId: 'getKey' } }, read);
  app.head<Reading>(
    url,
    {
      schema: { ...readSchema, summary: 'Read a key without its value', operationId: 'headKey' },
      config: { swagger: { exposeHeadRoute: true } },
    },
    read,
  );
  const writeSchema = {
    tags: ['keys'],
    params: pathParameters('*'),
    headers: writeHeaders,
    response: responses({ 200: writtenSchema }, writeErrors),
  };
  app.put<Putting>(
    url,
    {
      bodyLimit: limits.valueBytesMax,
      schema: {
        ...writeSchema,
        summary: 'Write a key; the body is the value',
        operationId: 'putKey',
        consumes: ['*/*'],
        querystring: putQuery,
      },
    },
    onKeyspace(node, putting),
  );
  const deleteSchema = {
    ...writeSchema,
    summary: 'Delete a key',
    operationId: 'deleteKey',
    querystring: readQuery,
  };
  app.delete<Putting>(url, { schema: deleteSchema }, onKeyspace(node, deleting));
}

interface ReadInput {
  readonly key: Key;
  readonly freshness: Freshness;
  readonly conditions: Conditions;
}

const reading: KeyspaceRoute<Reading, ReadInput> = {
  parse(request, { service, token }) {
    const key = keyOfTarget(request.raw.url!, slashesBeforeKey);
    if (!key.ok) return key;
    const conditions = conditionsOf(request.headers, () => service.status().uuid);
    if (!conditions.ok) return conditions;
    return succeed({
      key: key.value,
      freshness: freshnessOf(request.query, token),
      conditions: conditions.value,
    });
  },
  async run(service, { key, freshness, conditions }) {
    const read = await service.read([key], freshness);
    if (!read.ok) return read;
    return answerRead(key, read.value, conditions);
  },
};

function answerRead(key: Key, { gtid, values }: SnapshotRead, conditions: Conditions): Result<Answer> {
  const value: VersionedValue | undefined = values[0];
  switch (judgeRead(conditions, value?.version)) {
    case 'failed':
      return fail('CHECK_FAILED', 'If-Match does not hold', {
        details: {
          checks: [{ key: describeKey(key), expected: expected(conditions), actual: value?.version ?? null }],
        },
        token: gtid,
      });
    case 'not-modified':
      return succeed({ status: 304, gtid, headers: { ETag: etag(gtid, value!.version) }, body: undefined });
    case 'serve':
      if (value === undefined) {
        return fail('KEY_NOT_FOUND', `no key ${JSON.stringify(describeKey(key))}`, {
          details: { key: describeKey(key) },
          token: gtid,
        });
      }
      return succeed({ gtid, ...valueHeaders(value, etag(gtid, value.version)) });
  }
}

/** As the checks of a write show it; several tags as a list. */
function expected({ ifMatch }: Conditions): JsonValue {
  if (ifMatch === undefined || ifMatch === 'any') return 'present';
  return ifMatch.length === 1 ? ifMatch[0]! : ifMatch;
}

const putting: KeyspaceRoute<Putting, TransactRequest> = {
  parse(request, surroundings) {
    const key = keyOfTarget(request.raw.url!, slashesBeforeKey);
    if (!key.ok) return key;
    const value = rawBodyOf(request);
    if (!value.ok) return value;
    const ttlMs = ttlMsOf(request.query.ttl);
    return writeOf(request, surroundings, { kind: 'set', key: key.value, ...value.value, ttlMs });
  },
  run: write,
};

const deleting: KeyspaceRoute<Putting, TransactRequest> = {
  parse(request, surroundings) {
    const key = keyOfTarget(request.raw.url!, slashesBeforeKey);
    if (!key.ok) return key;
    const refused = refuseBody(request);
    if (refused !== undefined) return refused;
    return writeOf(request, surroundings, { kind: 'delete', key: key.value });
  },
  run: write,
};

type WriteRequest = Parameters<typeof putting.parse>[0];
type KeyMutation = Extract<MutationRequest, { kind: 'set' | 'delete' }>;

/** A single write as the transaction that it is. */
function writeOf(
  request: WriteRequest,
  { service, token }: Surroundings,
  mutation: KeyMutation,
): Result<TransactRequest> {
  const identity = identityOf(request.headers['idempotency-key']);
  if (!identity.ok) return identity;
  const conditions = conditionsOf(request.headers, () => service.status().uuid);
  if (!conditions.ok) return conditions;
  const checks: Result<readonly Check[]> = checksOf(mutation.key, conditions.value);
  if (!checks.ok) return checks;
  const { id, mayBeRetry } = identity.value;
  const { causal, timeoutMs } = freshnessOf(request.query, token);
  const mutations = [mutation];
  const content = contentOf({ isolation: 'serializable', reads: [], checks: checks.value, mutations });
  return succeed({
    id,
    mayBeRetry,
    causal,
    token,
    timeoutMs,
    isolation: 'serializable',
    reads: [],
    checks: checks.value,
    mutations,
    content,
  });
}

async function write(service: KeyspaceService, request: TransactRequest): Promise<Result<Answer>> {
  const committed = await service.transact(request);
  if (!committed.ok) return committed;
  const { gtid, seqno } = committed.value;
  const headers = request.mutations[0]?.kind === 'set' ? { ETag: etag(gtid, seqno) } : {};
  return succeed({ gtid, headers, body: writtenJson(committed.value) });
}
