import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Failure, OutcomeWord } from '../../model/errors.js';
import { parseTransactionId } from '../../model/ids.js';
import type { KeyspaceService, NodeService } from '../../transaction/service.js';
import { knownOutcome } from '../refusals.js';
import { parseToken } from '../tokens.js';
import { sendProblem, type Subject } from './answers.js';

/**
 * Answers a request that never reached the keyspace's service. `outcome` speaks of the id: another attempt of the
 * same id may have committed, so a refusal that knows nothing of it says `unknown`.
 */
export function refuse(
  reply: FastifyReply,
  node: NodeService,
  failure: Failure,
  status?: number,
): FastifyReply {
  const { request } = reply;
  const subject = subjectOf(node, request);
  const outcome = outcomeOfRefusal(request, subject.service, failure);
  // Who is not let in learns nothing of a keyspace.
  const isOutside = failure.code === 'UNAUTHENTICATED' || failure.code === 'PERMISSION_DENIED';
  const about = isOutside ? { ...subject, service: undefined } : subject;
  return sendProblem(reply, about, { ...failure, outcome }, status);
}

function parameter(request: FastifyRequest, name: string): string | undefined {
  const parameters = request.params as Readonly<Record<string, string | undefined>> | null | undefined;
  return parameters?.[name];
}

/** What can be said of a request before anything of it has been judged. */
function subjectOf(node: NodeService, request: FastifyRequest): Subject {
  const name = parameter(request, 'keyspace');
  const sent = request.headers['meridian-causality'];
  const token = typeof sent === 'string' ? parseToken('', sent) : undefined;
  return {
    node,
    service: name === undefined ? undefined : node.keyspace(name),
    sent: token?.ok === true ? token.value : undefined,
  };
}

function outcomeOfRefusal(
  request: FastifyRequest,
  service: KeyspaceService | undefined,
  failure: Failure,
): OutcomeWord {
  const named = parameter(request, 'id');
  const header = request.headers['idempotency-key'];
  const text = named ?? (typeof header === 'string' ? header : undefined);
  const id = text === undefined ? undefined : parseTransactionId(text);
  if (id === undefined) return failure.outcome;
  if (service === undefined || failure.code === 'UNAUTHENTICATED') return 'unknown';
  return knownOutcome(service, id);
}
