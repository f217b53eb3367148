import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { succeed } from '../../../model/errors.js';
import type { NodeService, TransactRequest } from '../../../transaction/service.js';
import { contentOf } from '../../content.js';
import type { Encoding } from '../../json-values.js';
import { pathParameters, responses, writeErrors } from '../documentation.js';
import { freshnessOf, identityOf, onKeyspace, type KeyspacePath, type KeyspaceRoute } from '../exchange.js';
import { checksOf, mutationsOf, readsOf } from '../operations.js';
import { committedJson, readJson } from '../outcomes.js';
import {
  causalFlag,
  causalTimeout,
  checkSchema,
  committedSchema,
  encodingWord,
  entrySchema,
  idempotencyHeader,
  isolationWord,
  mutationSchema,
  pageSchema,
  readSchema,
  requestHeaders,
} from '../schemas.js';

const body = Type.Object(
  {
    isolation: Type.Optional(isolationWord),
    causal: Type.Optional(causalFlag),
    causalTimeoutMs: Type.Optional(causalTimeout),
    encoding: Type.Optional(encodingWord),
    reads: Type.Optional(Type.Array(readSchema)),
    checks: Type.Optional(Type.Array(checkSchema)),
    mutations: Type.Optional(Type.Array(mutationSchema)),
  },
  { additionalProperties: false },
);

const absentSchema = Type.Object(
  {
    key: Type.Optional(Type.String()),
    keyBase64: Type.Optional(Type.String()),
    absent: Type.Literal(true),
  },
  { additionalProperties: false },
);

const answer = Type.Object(
  {
    ...committedSchema.properties,
    reads: Type.Array(Type.Union([entrySchema, absentSchema, pageSchema]), {
      description: 'Per read, in order. Empty when the answer is the outcome of an earlier attempt.',
    }),
  },
  { additionalProperties: false },
);

interface Transacting {
  Params: KeyspacePath;
  Body: Static<typeof body>;
}

interface TransactInput {
  readonly request: TransactRequest;
  readonly encoding: Encoding;
}

const transacting: KeyspaceRoute<Transacting, TransactInput> = {
  parse({ body: fields, headers }, { token }) {
    const identity = identityOf(headers['idempotency-key']);
    if (!identity.ok) return identity;
    const reads = readsOf(fields.reads ?? []);
    if (!reads.ok) return reads;
    const checks = checksOf(fields.checks ?? []);
    if (!checks.ok) return checks;
    const mutations = mutationsOf(fields.mutations ?? []);
    if (!mutations.ok) return mutations;
    const transaction = {
      isolation: fields.isolation ?? 'serializable',
      reads: reads.value,
      checks: checks.value,
      mutations: mutations.value,
    };
    const freshness = freshnessOf(fields, token);
    const request = { ...identity.value, ...freshness, ...transaction, content: contentOf(transaction) };
    return succeed({ request, encoding: fields.encoding ?? 'json' });
  },
  async run(service, { request, encoding }) {
    const committed = await service.transact(request);
    if (!committed.ok) return committed;
    const { gtid } = committed.value;
    const reads = committed.value.reads.map((read, i) => {
      const asked = request.reads[i];
      const reverse = asked?.kind === 'range' && asked.reverse;
      return readJson(read, { gtid, reverse, encoding, transaction: '' });
    });
    return succeed({
      gtid,
      body: `${committedJson(committed.value).slice(0, -1)},"reads":[${reads.join(',')}]}`,
    });
  },
};

export function transactRoute(app: FastifyInstance, node: NodeService): void {
  app.post<Transacting>(
    '/v1/keyspaces/:keyspace/transact',
    {
      schema: {
        tags: ['transactions'],
        summary: 'Read, check and write in one transaction and one request',
        operationId: 'transact',
        params: pathParameters(),
        headers: Type.Object({ ...requestHeaders, ...idempotencyHeader }),
        body,
        response: responses({ 200: answer }, writeErrors),
      },
    },
    onKeyspace(node, transacting),
  );
}
