import { Metadata, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import { assert } from '../../model/assert.js';
import { catalogue, failure as makeFailure, type Failure, type OutcomeWord } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import { encodeStatusDetails, statusDetailsKey } from '../../transport/public-api/error-info.js';
import type { MalformedMessage } from '../../transport/public-api/codec.js';
import type { FailureMessage } from '../../transport/public-api/messages.js';
import { retryOf } from '../errors.js';

/** An error as a session carries it, with everything that an ErrorInfo has and a message of a session can hold. */
export function failureMessage(failure: Failure): FailureMessage {
  const whole = messageOf(failure);
  const bytesMax = limits.sessionRepliesBytesMax;
  if (whole.detailsJson.length <= bytesMax / utf8BytesPerChar) return whole;
  return leavingOut(failure, (shown) =>
    Buffer.byteLength(shown.detailsJson) <= bytesMax ? shown : undefined,
  );
}

const utf8BytesPerChar = 3;

function messageOf(failure: Failure): FailureMessage {
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
  const message = cut(failure.message);
  const retryDelayMs = retryDelayMsOf(failure);
  const bytes = leavingOut({ ...failure, message }, (shown) => {
    const encoded = encodeStatusDetails({ grpcStatus: code, failure: shown, retryDelayMs });
    return encoded.length <= limits.statusDetailsBytesMax ? encoded : undefined;
  });
  const metadata = new Metadata();
  metadata.set(statusDetailsKey, Buffer.from(bytes));
  return { code, details: message, metadata };
}

/** Leaves out the largest fields of a failure until `fitted` takes it; `omitted` names them. */
function leavingOut<T>(failure: Failure, fitted: (shown: FailureMessage) => T | undefined): T {
  const shown: Record<string, Failure['details'][string]> = { ...failure.details };
  const omitted: string[] = [];
  for (;;) {
    const details = omitted.length === 0 ? shown : { ...shown, omitted };
    const taken = fitted(messageOf({ ...failure, details }));
    if (taken !== undefined) return taken;
    const largest = Object.keys(shown).sort((a, b) => jsonLength(shown[b]) - jsonLength(shown[a]))[0];
    assert(largest !== undefined, 'a failure without details fits');
    delete shown[largest];
    omitted.push(largest);
  }
}

function jsonLength(value: unknown): number {
  return (JSON.stringify(value) ?? '').length;
}

/** grpc-js escapes what it gets as a URI and throws where that has half of a character: `encodeURI` does. */
function cut(message: string): string {
  const whole = message.length <= messageCharsMax ? message : `${message.slice(0, messageCharsMax)}…`;
  return whole.replace(/\p{Surrogate}/gu, '');
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
