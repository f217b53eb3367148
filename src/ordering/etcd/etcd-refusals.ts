import { status, type ServiceError } from '@grpc/grpc-js';
import { EtcdError } from './etcd-kv.js';

/** A call that this client ended itself. */
export type EndedBy = 'deadline' | 'close' | undefined;

/** etcd's own words (api/v3rpc/rpctypes/error.go, 3.4 to 3.6): codes alone do not tell them apart. */
const noSpace = 'database space exceeded';
const compacted = 'required revision has been compacted';
const leaseNotFound = 'requested lease not found';
const tooManyRequests = 'too many requests';
/** Refused before it was executed; another token may be accepted. */
const tokenRefusals = ['invalid auth token', 'revision of auth store is old', 'user name is empty'];

const saysNothing: readonly status[] = [
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.UNKNOWN,
  status.INTERNAL,
  status.ABORTED,
  status.DATA_LOSS,
];

/** What a failed call of etcd means to who made it. */
export function problemOf(error: ServiceError, endedBy: EndedBy): EtcdError {
  const cause = { cause: error };
  if (endedBy === 'close') return new EtcdError('closed', 'the client of etcd was closed', cause);
  if (endedBy === 'deadline') return new EtcdError('unknown', 'etcd did not answer in time', cause);
  const text = `etcd: ${error.details.replace(/^etcdserver: /, '')}`;
  if (error.details.includes(noSpace)) return new EtcdError('no-space', text, cause);
  if (error.details.includes(compacted)) return new EtcdError('compacted', text, cause);
  if (saysNothing.includes(error.code) || error.details.includes(tooManyRequests))
    return new EtcdError('unknown', text, cause);
  // A member that has lost the lead since it was asked.
  if (error.code === status.FAILED_PRECONDITION && error.details.includes('not leader'))
    return new EtcdError('unknown', text, cause);
  return new EtcdError('refused', text, cause);
}

export function isTokenRefused({ details }: ServiceError): boolean {
  return tokenRefusals.some((refusal) => details.includes(refusal));
}

export function isAuthOff({ details }: ServiceError): boolean {
  return details.includes('authentication is not enabled');
}

export function isLeaseNotFound({ message }: EtcdError): boolean {
  return message.includes(leaseNotFound);
}
