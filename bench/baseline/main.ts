/**
 * The baseline of local reads: a bare fastify route that answers values of the same size from memory. A process of its
 * own; says its port over IPC and ends when that closes. Argument: the host to listen at.
 */
import fastify from 'fastify';
import type { AddressInfo } from 'node:net';
import { dataKey, valueSource } from '../load/operations.js';
import { seededRandom } from '../load/seeded-random.js';
import { keyCount } from '../model.js';

const value = valueSource(seededRandom(1));
const values = new Map(Array.from({ length: keyCount }, (_, i) => [dataKey(i), value()]));

const app = fastify();
app.get<{ Params: { '*': string } }>('/v1/keyspaces/default/keys/*', (request, reply) =>
  reply.type('text/plain').send(values.get(request.params['*'])),
);
await app.listen({ host: process.argv[2]!, port: 0 });
process.send!((app.server.address() as AddressInfo).port);
process.on('disconnect', () => process.exit());
