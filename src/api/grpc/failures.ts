import { Metadata, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import { catalogue, failure as makeFailure, type Failure, type OutcomeWord } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import { encodeStatusDetails, statusDetailsKey } from '../../transport/public-api/error-info.js';
import type { MalformedMessage } from '../../transport/public-api/codec.js';
import type { FailureMessage } from '../../transport/public-api/messages.js';
import { retryOf } from '../errors.js';

/** An error as a session carries it, with everything that an ErrorInfo has. */
export function failureMessage(failure: Failure): FailureMessage {
  return {
    code: failure.code,
    message: failure.message,
    outcome: failure.outcome,
    retry: retryOf(failure),
    token: failure.token ?? '',
    detailsJson: JSON.stringify(failure.details),
  };
}

/** Status messages travel in a header, escaped; longer ones are cut. */
const messageCharsMax = 512;

/** An error as the status of a call: its trailers hold a google.rpc.Status. */
export function statusOf(failure: Failure): StatusObject {
  const code = grpcStatus[catalogue[failure.code].grpc];
  const metadata = new Metadata();
  metadata.set(statusDetailsKey, Buffer.from(detailsWithinLimit(code, failure)));
  return { code, details: cut(failure.message), metadata };
}

/** Leaves out the largest fields of a failure whose details are too long for a trailer; `omitted` names them. */
function detailsWithinLimit(code: number, failure: Failure): Uint8Array {
  const shown: Record<string, Failure['details'][string]> = { ...failure.details };
  const omitted: string[] = [];
  for (;;) {
    const details = omitted.length === 0 ? shown : { ...shown, omitted };
    const message = failureMessage({ ...failure, message: cut(failure.message), details });
    const retryDelayMs = retryDelayMsOf(failure);
    const bytes = encodeStatusDetails({ grpcStatus: code, failure: message, retryDelayMs });
    const largest = Object.keys(shown).sort((a, b) => jsonLength(shown[b]) - jsonLength(shown[a]))[0];
    if (bytes.length <= limits.statusDetailsBytesMax || largest === undefined) return bytes;
    delete shown[largest];
    omitted.push(largest);
  }
}

function jsonLength(value: unknown): number {
  return (JSON.stringify(value) ?? '').length;
}

function cut(message: string): string {
  return message.length <= messageCharsMax ? message : `${message.slice(0, messageCharsMax)}…`;
}

/** Undefined where a delay does not help. */
function retryDelayMsOf({ code, details }: Failure): number | undefined {
  const { retry } = catalogue[code];
  if (retry !== 'after-delay' && retry !== 'later') return undefined;
  const delayMs = details['retryAfterMs'];
  return typeof delayMs === 'number' ? delayMs : 1000;
}

export function malformed({ field, complaint }: MalformedMessage, outcome: OutcomeWord): Failure {
  const message = field === '' ? complaint : `${field}: ${complaint}`;
  return makeFailure('INVALID_ARGUMENT', message, { outcome, details: { field } });
}
