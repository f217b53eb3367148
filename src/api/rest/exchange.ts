import type { FastifyReply, FastifyRequest, RouteGenericInterface } from 'fastify';
import { succeed, type Result } from '../../model/errors.js';
import type { Gtid } from '../../model/gtid.js';
import { parseTransactionId, type TransactionId } from '../../model/ids.js';
import { limits } from '../../model/limits.js';
import type { Freshness, KeyspaceService, NodeService } from '../../transaction/service.js';
import { invalid } from '../invalid.js';
import { keyspaceNotFound } from '../refusals.js';
import { parseToken } from '../tokens.js';
import { sendAnswer, sendProblem, type Answer } from './answers.js';
import { refuse } from './refusals.js';

export interface KeyspacePath {
  readonly keyspace: string;
}
export interface TransactionPath extends KeyspacePath {
  readonly id: string;
}

/** What `parse` may look at beside the request. */
export interface Surroundings {
  readonly service: KeyspaceService;
  /** The causality token of the request. */
  readonly token: Gtid | undefined;
}

/** A route below a keyspace in its two steps: nothing has happened while it parses, anything may have once it runs. */
export interface KeyspaceRoute<Route extends RouteGenericInterface, Input> {
  parse(request: FastifyRequest<Route>, surroundings: Surroundings): Result<Input>;
  run(service: KeyspaceService, input: Input): Promise<Result<Answer>>;
}

type Respond<Route extends RouteGenericInterface> = (
  request: FastifyRequest<Route>,
  reply: FastifyReply,
) => Promise<FastifyReply>;

export function onKeyspace<Route extends RouteGenericInterface & { Params: KeyspacePath }, Input>(
  node: NodeService,
  route: KeyspaceRoute<Route, Input>,
): Respond<Route> {
  return async (request, reply) => {
    const { keyspace } = request.params as KeyspacePath;
    const service = node.keyspace(keyspace);
    if (service === undefined) return refuse(reply, node, keyspaceNotFound(keyspace).failure);
    const sent = request.headers['meridian-causality'];
    const token = sent === undefined ? noToken : parseToken('header.Meridian-Causality', String(sent));
    if (!token.ok) return refuse(reply, node, token.failure);
    const input = route.parse(request, { service, token: token.value });
    if (!input.ok) return refuse(reply, node, input.failure);
    const result = await route.run(service, input.value);
    const subject = { node, service, sent: token.value };
    return result.ok ? sendAnswer(reply, subject, result.value) : sendProblem(reply, subject, result.failure);
  };
}

const noToken: Result<Gtid | undefined> = succeed(undefined);

/** The fields of a request that say how fresh a read has to be. */
export interface FreshnessFields {
  readonly causal?: boolean;
  readonly causalTimeoutMs?: number;
}

export function freshnessOf(fields: FreshnessFields, token: Gtid | undefined): Freshness {
  return {
    causal: fields.causal ?? false,
    token,
    timeoutMs: fields.causalTimeoutMs ?? limits.causalTimeoutMsDefault,
  };
}

export interface Identity {
  readonly id: TransactionId | undefined;
  readonly mayBeRetry: boolean;
}

const noIdentity: Result<Identity> = succeed({ id: undefined, mayBeRetry: false });

/** An Idempotency-Key always may be a repetition; without one the node mints the id. */
export function identityOf(header: string | string[] | undefined): Result<Identity> {
  if (header === undefined) return noIdentity;
  const id = typeof header === 'string' ? parseTransactionId(header) : undefined;
  if (id === undefined) return invalid('header.Idempotency-Key', 'must be a UUIDv7');
  return succeed({ id, mayBeRetry: true });
}

/** The transaction id in a path. */
export function transactionIdOf(text: string): Result<TransactionId> {
  const id = parseTransactionId(text);
  return id === undefined ? invalid('transactionId', 'must be a UUIDv7') : succeed(id);
}
