import { fail, type Failure } from '../model/errors.js';
import { limits } from '../model/limits.js';

interface Refused {
  readonly ok: false;
  readonly failure: Failure;
}

/** `field` is where in the request: `query.limit`, `header.If-Match`, `mutations[2].set.key`. */
export function invalid(field: string, complaint: string): Refused {
  return fail('INVALID_ARGUMENT', `${field}: ${complaint}`, { details: { field } });
}

export function keyTooLarge(size: number): Refused {
  return fail('KEY_TOO_LARGE', `a key of ${size} bytes; the limit is ${limits.keyBytesMax}`, {
    details: { limit: limits.keyBytesMax, size },
  });
}

export function valueTooLarge(limit: number, size: number | undefined): Refused {
  const message =
    size === undefined ? `the limit of ${limit} bytes is exceeded` : `${size} bytes; the limit is ${limit}`;
  return fail('VALUE_TOO_LARGE', message, { details: { limit, size } });
}

export function transactionTooLarge(what: string, limit: number, size: number): Refused {
  return fail('TRANSACTION_TOO_LARGE', `${size} ${what}; the limit is ${limit}`, {
    details: { limit, size },
  });
}

export function historyMismatch(field: string, given: string, history: string): Refused {
  return fail('HISTORY_MISMATCH', `${field} is of the history ${given}, the keyspace's is ${history}`, {
    details: { given, history },
  });
}
