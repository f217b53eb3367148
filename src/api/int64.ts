import { succeed, type Result } from '../model/errors.js';
import { isInt64 } from '../model/value.js';
import { invalid } from './invalid.js';

const decimal = /^-?(0|[1-9][0-9]{0,18})$/;

/** An int64 out of JSON: a safe integer, or a decimal string for what lies beyond 2^53. */
export function parseInt64(field: string, given: number | string): Result<bigint> {
  if (typeof given === 'number') {
    if (!Number.isSafeInteger(given)) return invalid(field, 'an integer beyond 2^53 must be a string');
    return succeed(BigInt(given));
  }
  const count = decimal.test(given) ? BigInt(given) : undefined;
  if (count === undefined || !isInt64(count)) return invalid(field, 'must be an int64 in decimal digits');
  return succeed(count);
}

/** JSON text: a number when it is safe, else a string. */
export function int64Json(count: bigint): number | string {
  const number = Number(count);
  return Number.isSafeInteger(number) ? number : String(count);
}
