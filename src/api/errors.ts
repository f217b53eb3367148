import {
  catalogue,
  type ErrorCode,
  type Failure,
  type JsonValue,
  type OutcomeWord,
  type Retry,
} from '../model/errors.js';

/** An error body of RFC 9457. The catalogue's fields of the code stand beside these members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retry: Retry;
  readonly outcome: OutcomeWord;
  readonly [field: string]: JsonValue | undefined;
}

export const errorCodes = Object.keys(catalogue) as readonly ErrorCode[];

/** `KEY_NOT_FOUND` → "Key not found". */
export function errorTitle(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}

export function errorType(code: ErrorCode): string {
  return `urn:meridian:error:${code}`;
}

/** How to retry. While the outcome of an id is unknown, another id could commit the same thing a second time. */
export function retryOf(failure: Failure): Retry {
  const { retry } = catalogue[failure.code];
  return failure.outcome === 'unknown' && retry !== 'no' ? 'same-id' : retry;
}

/** Seconds for `Retry-After`; undefined where a delay does not help. */
export function retryAfterSeconds(failure: Failure): number | undefined {
  const { retry } = catalogue[failure.code];
  if (retry !== 'after-delay' && retry !== 'later') return undefined;
  const delayMs = failure.details['retryAfterMs'];
  return typeof delayMs === 'number' ? Math.max(1, Math.ceil(delayMs / 1000)) : 1;
}

/** `status` overrides the catalogue's for what HTTP has a status of its own: 404, 405, 415 and 431. */
export function problemOf(failure: Failure, status: number = catalogue[failure.code].http): Problem {
  const retry = retryOf(failure);
  return {
    type: errorType(failure.code),
    title: errorTitle(failure.code),
    status,
    detail: failure.message,
    code: failure.code,
    retryable: retry !== 'no',
    retry,
    outcome: failure.outcome,
    ...failure.details,
  };
}
