import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Failure } from '../../model/errors.js';
import { gtid, parseGtid, type Gtid } from '../../model/gtid.js';
import type { KeyspaceService, NodeService } from '../../transaction/service.js';
import { jsonContentType } from '../content-type.js';
import { problemOf, retryAfterSeconds } from '../errors.js';
import { laterToken } from '../tokens.js';

/** What a route of a keyspace answers when all went well. */
export interface Answer {
  readonly status?: number;
  /** Of the snapshot that was read, or of the commit. */
  readonly gtid: Gtid;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes and streams go out as `headers['Content-Type']` says, text as JSON, undefined without a body. */
  readonly body: Uint8Array | string | Readable | undefined;
}

/** What an answer is about: stamped on it whether it is a success or an error. */
export interface Subject {
  readonly node: NodeService;
  readonly service: KeyspaceService | undefined;
  /** The causality token of the request. */
  readonly sent: Gtid | undefined;
}

type Headers = Record<string, string>;

function stamp({ node, service, sent }: Subject, reached: Gtid | undefined): Headers {
  if (service === undefined) return stampOf(node, undefined, undefined);
  const { uuid, applied, stalenessMs } = service.status();
  const answered = reached ?? (uuid === undefined ? undefined : gtid(uuid, applied));
  return stampOf(node, answered === undefined ? undefined : laterToken(answered, sent), stalenessMs);
}

/** The headers that every answer has, as far as there is something to say. */
export function stampOf(
  { region }: NodeService,
  token: Gtid | undefined,
  stalenessMs: number | undefined,
): Headers {
  const headers: Headers = { 'Meridian-Region': region };
  if (token !== undefined) headers['Meridian-Causality'] = token;
  if (stalenessMs !== undefined) headers['Meridian-Staleness'] = String(Math.round(stalenessMs));
  return headers;
}

export function sendAnswer(reply: FastifyReply, subject: Subject, answer: Answer): FastifyReply {
  const headers = stamp(subject, answer.gtid);
  const { body } = answer;
  if (typeof body === 'string') headers['Content-Type'] = jsonContentType;
  if (answer.headers !== undefined) Object.assign(headers, answer.headers);
  reply.code(answer.status ?? 200).headers(headers);
  // Fastify would add a charset to the type of a string.
  return reply.send(typeof body === 'string' ? Buffer.from(body, 'utf8') : body);
}

/** `status` where HTTP has one of its own; else the catalogue's. */
export function sendProblem(
  reply: FastifyReply,
  subject: Subject,
  failure: Failure,
  status?: number,
): FastifyReply {
  const problem = problemOf(failure, status);
  const headers = stamp(subject, tokenOf(failure));
  headers['Content-Type'] = 'application/problem+json';
  const retryAfter = retryAfterSeconds(failure);
  if (retryAfter !== undefined) headers['Retry-After'] = String(retryAfter);
  if (failure.code === 'UNAUTHENTICATED') headers['WWW-Authenticate'] = 'Bearer realm="meridian"';
  return reply
    .code(problem.status)
    .headers(headers)
    .send(Buffer.from(JSON.stringify(problem), 'utf8'));
}

function tokenOf(failure: Failure): Gtid | undefined {
  return failure.token !== undefined && parseGtid(failure.token) !== undefined
    ? (failure.token as Gtid)
    : undefined;
}

/** JSON about the node itself, not about one keyspace. */
export function sendJson(reply: FastifyReply, node: NodeService, body: unknown): FastifyReply {
  const headers = { 'Content-Type': jsonContentType, 'Meridian-Region': node.region };
  return reply.headers(headers).send(Buffer.from(JSON.stringify(body), 'utf8'));
}
