import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { describeProblem, responses } from './documentation.js';
import { jsonContentType } from '../content-type.js';
import { problemSchema } from './schemas.js';

const description = `A geo-distributed, multi-master, transactional key-value service. Every error is a Problem
(RFC 9457) with a code of the catalogue.`;

/** Gathers the schemas of all routes that are registered after it. */
export async function collectOpenApi(app: FastifyInstance, version: string): Promise<void> {
  app.addSchema(problemSchema);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Meridian HTTP API', version, description, license: { name: 'Apache-2.0' } },
      servers: [{ url: '/' }],
      tags: ['keys', 'transactions', 'changes', 'cluster', 'admin', 'health'].map((name) => ({ name })),
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }, {}],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json['$id'] ?? `Shared${i}`) },
    transform: ({ schema, url }) => ({
      schema: nameKey(describeBody(schema)),
      url: url.replace('*', ':key'),
    }),
  });
}

/** A body of any type has no schema to be judged by, only one to be shown; where JSON is needed, other types are 415. */
function describeBody<Schema extends FastifySchema>(schema: Schema): Schema {
  if (schema?.body !== undefined) {
    const { response } = schema as { response?: object };
    return { ...schema, response: { ...response, 415: describeProblem(['INVALID_ARGUMENT']) } };
  }
  if (schema?.consumes?.includes('*/*') !== true) return schema;
  return { ...schema, body: { content: { '*/*': { schema: { type: 'string', format: 'binary' } } } } };
}

/** The wildcard of a path has the name of what it is. */
function nameKey<Schema>(schema: Schema): Schema {
  const { params } = (schema ?? {}) as {
    params?: { properties?: Record<string, unknown>; required?: string[] };
  };
  if (params?.properties?.['*'] === undefined) return schema;
  const { '*': key, ...properties } = params.properties;
  const required = params.required?.map((name) => (name === '*' ? 'key' : name));
  return { ...schema, params: { ...params, properties: { ...properties, key }, required } };
}

export function openApiRoute(app: FastifyInstance): void {
  let document: Buffer | undefined;
  const schema = {
    tags: ['health'],
    summary: 'This API as OpenAPI 3.1',
    operationId: 'getOpenApi',
    response: responses({ 200: { raw: 'The document.', contentType: jsonContentType } }, []),
  };
  app.get('/openapi.json', { schema }, (_request, reply) => {
    document ??= Buffer.from(JSON.stringify(app.swagger()), 'utf8');
    return reply.header('Content-Type', jsonContentType).send(document);
  });
}
