import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { succeed } from '../../../model/errors.js';
import type { Freshness, NodeService } from '../../../transaction/service.js';
import { laterToken } from '../../tokens.js';
import { pathParameters, readErrors, responses } from '../documentation.js';
import { freshnessOf, onKeyspace, type KeyspacePath, type KeyspaceRoute } from '../exchange.js';
import { listQuery, pageRequestOf, type PageRequest } from '../list-query.js';
import { pageJson } from '../outcomes.js';
import { causalFlag, causalTimeout, pageSchema, requestHeaders } from '../schemas.js';

const query = Type.Object(
  {
    ...listQuery.properties,
    causal: Type.Optional(causalFlag),
    causalTimeoutMs: Type.Optional(causalTimeout),
  },
  { additionalProperties: false },
);

interface Listing {
  Params: KeyspacePath;
  Querystring: Static<typeof query>;
}

interface ListInput {
  readonly page: PageRequest;
  readonly freshness: Freshness;
}

const listing: KeyspaceRoute<Listing, ListInput> = {
  parse(request, { service, token }) {
    const page = pageRequestOf(request.query, { transaction: '', history: service.status().uuid });
    if (!page.ok) return page;
    const { atLeast } = page.value;
    const newest = atLeast === undefined ? token : laterToken(token ?? atLeast, atLeast);
    return succeed({ page: page.value, freshness: freshnessOf(request.query, newest) });
  },
  async run(service, { page: { range, limit, reverse, encoding }, freshness }) {
    const page = await service.list(range, { ...freshness, limit, reverse });
    if (!page.ok) return page;
    const { gtid, entries, rest } = page.value;
    return succeed({ gtid, body: pageJson(entries, rest, { gtid, reverse, encoding, transaction: '' }) });
  },
};

export function listRoute(app: FastifyInstance, node: NodeService): void {
  app.get<Listing>(
    '/v1/keyspaces/:keyspace/keys',
    {
      schema: {
        tags: ['keys'],
        summary: 'List keys, one page at a time',
        operationId: 'listKeys',
        params: pathParameters(),
        querystring: query,
        headers: Type.Object(requestHeaders),
        response: responses({ 200: pageSchema }, readErrors),
      },
    },
    onKeyspace(node, listing),
  );
}
