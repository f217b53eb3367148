import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { failure, type Failure } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import type { Logger } from '../../runtime/runtime.js';
import type { NodeService } from '../../transaction/service.js';
import { problemOf } from '../errors.js';
import { invalid, valueTooLarge } from '../invalid.js';
import { refuse } from './refusals.js';
import { RefusedPart } from './validation.js';

interface Refusal {
  readonly failure: Failure;
  /** Where HTTP has a status of its own. */
  readonly status?: number;
}

/** What fastify refuses, in the words of the catalogue; undefined for what is no client's fault. */
function refusalOf(error: FastifyError, request: FastifyRequest): Refusal | undefined {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const limit = request.routeOptions?.bodyLimit ?? limits.requestBodyBytesMax;
      const size = Number(request.headers['content-length']);
      return valueTooLarge(limit, Number.isSafeInteger(size) ? size : undefined);
    }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { ...invalid('header.Content-Type', 'must be application/json here'), status: 415 };
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return invalid('body', 'is no JSON, or has a member __proto__ or constructor.prototype');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return invalid('header.Content-Length', 'is not the length of the body');
    case 'FST_ERR_BAD_URL':
      return invalid('path', 'has a malformed %-escape, or escapes bytes that are not UTF-8');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return invalid('path', 'has a segment that is too long');
    default:
      return otherRefusal(error);
  }
}

function otherRefusal(error: FastifyError): Refusal | undefined {
  const { statusCode } = error;
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return undefined;
  return { failure: failure('INVALID_ARGUMENT', error.message), status: statusCode };
}

/** Sends whatever goes wrong in or around a route as a problem of the catalogue. */
export function errorResponder(
  node: NodeService,
  logger: Logger,
): (error: Error, request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  return (error, request, reply) => {
    if (error instanceof RefusedPart) return refuse(reply, node, error.failure);
    const refusal = refusalOf(error as FastifyError, request);
    if (refusal !== undefined) return refuse(reply, node, refusal.failure, refusal.status);
    const { method } = request;
    logger.error({ err: error, method, route: request.routeOptions?.url }, 'a request failed');
    // The error may have come after a commit was sent, so only a read can say that nothing happened.
    const outcome = method === 'GET' || method === 'HEAD' ? 'not-committed' : 'unknown';
    return refuse(
      reply,
      node,
      failure('INTERNAL', 'an unexpected error; the log of the node has it', { outcome }),
    );
  };
}

/** No route: 405 with `Allow` when the path has other methods, else 404; both INVALID_ARGUMENT. */
export function respondWithoutRoute(app: FastifyInstance, node: NodeService): void {
  const patterns: { readonly methods: readonly string[]; readonly path: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const source = url
      .replaceAll('.', '\\.')
      .replace(/:[a-z]+/g, '[^/]+')
      .replace('*', '.*');
    patterns.push({ methods: [method].flat(), path: new RegExp(`^${source}$`) });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split(/[?#]/, 1)[0]!;
    const allowed = new Set(patterns.filter((one) => one.path.test(path)).flatMap((one) => one.methods));
    if (allowed.size === 0) {
      const nowhere = invalid('path', 'leads nowhere; /openapi.json lists all paths');
      return refuse(reply, node, nowhere.failure, 404);
    }
    void reply.header('Allow', [...allowed].sort().join(', '));
    return refuse(reply, node, invalid('method', `${request.method} is not for this path`).failure, 405);
  });
}

const parserStatus: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Answers what is no HTTP that node's parser understands, and hangs up. Nothing is known of an id, so `unknown`. */
export function answerParserError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = parserStatus[error.code ?? ''] ?? 400;
  const problem = problemOf(
    failure('INVALID_ARGUMENT', 'the request is not well-formed HTTP', { outcome: 'unknown' }),
    status,
  );
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Bad Request'}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
