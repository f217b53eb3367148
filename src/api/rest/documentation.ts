import type { FastifySchema } from 'fastify';
import Type, { type TProperties, type TSchema } from 'typebox';
import { catalogue, type ErrorCode } from '../../model/errors.js';

/** What every route may answer. */
const always: readonly ErrorCode[] = ['INVALID_ARGUMENT', 'UNAUTHENTICATED', 'INTERNAL'];
/** What every route of a keyspace may answer. */
const ofKeyspace: readonly ErrorCode[] = [
  'KEYSPACE_NOT_FOUND',
  'NODE_NOT_READY',
  'NODE_INCONSISTENT',
  'HISTORY_MISMATCH',
];
export const readErrors: readonly ErrorCode[] = [
  ...ofKeyspace,
  'CAUSAL_READ_TIMEOUT',
  'OVERLOADED',
  'KEY_TOO_LARGE',
];
/** What a COMMIT may answer. */
export const commitErrors: readonly ErrorCode[] = [
  ...ofKeyspace,
  'CERTIFICATION_CONFLICT',
  'TRANSACTION_ABORTED',
  'CHECK_FAILED',
  'SNAPSHOT_TOO_OLD',
  'TYPE_MISMATCH',
  'COMMIT_OUTCOME_UNKNOWN',
  'SEQUENCER_UNAVAILABLE',
  'OVERLOADED',
  'TRANSACTION_TOO_LARGE',
  'TRANSACTION_ID_TOO_OLD',
];
/** What a write in one request may answer. */
export const writeErrors: readonly ErrorCode[] = [
  ...commitErrors,
  'CAUSAL_READ_TIMEOUT',
  'KEY_TOO_LARGE',
  'VALUE_TOO_LARGE',
  'TRANSACTION_ID_REUSED',
];
/** What an operation inside an interactive transaction may answer. */
export const insideErrors: readonly ErrorCode[] = [
  ...ofKeyspace,
  'TRANSACTION_NOT_FOUND',
  'TRANSACTION_EXPIRED',
  'TRANSACTION_FINISHED',
  'TRANSACTION_ABORTED',
  'TRANSACTION_TOO_LARGE',
  'KEY_TOO_LARGE',
];
/** What a change feed may answer before it begins. */
export const feedErrors: readonly ErrorCode[] = [
  ...ofKeyspace,
  'CHANGES_TOO_OLD',
  'OVERLOADED',
  'KEY_TOO_LARGE',
];
export const keyspaceErrors = ofKeyspace;

/** A success: the schema of its JSON, or what else it is. */
export type Success =
  TSchema | { readonly raw: string; readonly contentType: string } | { readonly empty: string };

/** The `response` part of a route's schema: its successes, and its errors gathered by status. */
export function responses(
  successes: Readonly<Record<number, Success>>,
  errors: readonly ErrorCode[],
): NonNullable<FastifySchema['response']> {
  const byStatus = new Map<number, Set<ErrorCode>>();
  for (const code of [...always, ...errors]) {
    const { http } = catalogue[code];
    byStatus.set(http, (byStatus.get(http) ?? new Set()).add(code));
  }
  const documented: Record<string, unknown> = {};
  for (const [status, success] of Object.entries(successes)) documented[status] = describeSuccess(success);
  for (const [status, codes] of byStatus) {
    documented[String(status)] ??= describeProblem([...codes]);
  }
  return documented;
}

function describeSuccess(success: Success): unknown {
  if ('raw' in success) {
    const schema = { type: 'string', format: 'binary' };
    return { description: success.raw as string, content: { [success.contentType as string]: { schema } } };
  }
  if ('empty' in success) return { description: success.empty, type: 'null' };
  return { description: 'Done.', content: { 'application/json': { schema: success } } };
}

/** A response of OpenAPI that is a Problem with one of `codes`. */
export function describeProblem(codes: readonly ErrorCode[]): unknown {
  return {
    description: codes.join(', '),
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
  };
}

/** Path parameters of a route below a keyspace. */
export function pathParameters(...more: ('id' | '*')[]): TSchema {
  const properties: TProperties = { keyspace: Type.String({ description: 'The name of a keyspace.' }) };
  if (more.includes('id')) properties['id'] = Type.String({ description: 'A transaction id, a UUIDv7.' });
  if (more.includes('*')) {
    properties['*'] = Type.String({ description: 'Percent-encoded UTF-8; a slash may stay as it is.' });
  }
  return Type.Object(properties);
}
