import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../runtime/runtime.js';
import type { NodeService } from '../../transaction/service.js';
import { stampOf } from './answers.js';
import { etag } from './conditions.js';
import type { RequestDurations } from './metrics.js';
import { keyOfTarget, slashesBeforeKey } from './path-keys.js';
import { valueHeaders } from './raw-values.js';

export interface PlainReadsOptions {
  readonly node: NodeService;
  readonly letsIn: (authorization: string | undefined) => boolean;
  readonly durations: RequestDurations;
  readonly clock: Clock;
}

/** The path of a key below its keyspace, without a query; the router's own rules for anything that looks otherwise. */
const plainPath = /^\/v1\/keyspaces\/([a-z0-9-]+)\/keys\/[^%?#]+$/;
const textBytesMax = 4096;
const route = '/v1/keyspaces/:keyspace/keys/*';
/** Whether it is another read than that of the node's own copy as it is. */
function isDecided(headers: IncomingHttpHeaders): boolean {
  return (
    headers['if-match'] !== undefined ||
    headers['if-none-match'] !== undefined ||
    headers['meridian-causality'] !== undefined
  );
}

/**
 * Answers local reads of a key that is there before fastify sees them, with the very answer of its route: of such a read the
 * framework was most of the cost (docs/concepts/performance.md). False for everything else, which goes on to `app`.
 */
export function plainReadsOf(
  app: FastifyInstance,
  options: PlainReadsOptions,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  return (request, response) => !closing && answersPlainRead(request, response, options);
}

/** False when the request is none of these, or its answer is not simply the value; nothing has been answered then. */
function answersPlainRead(
  request: IncomingMessage,
  response: ServerResponse,
  { node, letsIn, durations, clock }: PlainReadsOptions,
): boolean {
  if (request.method !== 'GET') return false;
  const receivedMs = clock.monotonicMs();
  const { headers, url = '' } = request;
  const keyspace = plainPath.exec(url)?.[1];
  const service = keyspace === undefined ? undefined : node.keyspace(keyspace);
  if (service === undefined || isDecided(headers)) return false;
  if (!letsIn(headers.authorization)) return false;
  const key = keyOfTarget(url, slashesBeforeKey);
  const read = key.ok ? service.readNow(key.value) : undefined;
  if (read === undefined) return false;
  const { gtid, value, stalenessMs } = read;
  const { headers: own, body } = valueHeaders(value, etag(gtid, value.version));
  const sent = Object.assign(stampOf(node, gtid, stalenessMs), own);
  sent['Content-Length'] = String(body.length);
  response.writeHead(200, sent);
  // A string is written together with the head; bytes would be a second piece of the write.
  if (body.length <= textBytesMax) response.end(latin1Of(body), 'latin1');
  else response.end(body);
  durations.observe({ method: 'GET', route, status: 200 }, clock.monotonicMs() - receivedMs);
  return true;
}

/** One char per byte. */
function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
