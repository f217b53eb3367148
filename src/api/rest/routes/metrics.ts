import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { responses } from '../documentation.js';

export function metricsRoute(app: FastifyInstance, registry: Registry): void {
  const schema = {
    tags: ['health'],
    summary: 'Metrics for Prometheus',
    operationId: 'getMetrics',
    response: responses({ 200: { raw: 'Prometheus text format.', contentType: 'text/plain' } }, []),
  };
  app.get('/metrics', { schema }, async (_request, reply) =>
    reply.header('Content-Type', registry.contentType).send(await registry.metrics()),
  );
}
