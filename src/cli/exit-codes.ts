import { catalogue, type ErrorCode } from '../model/errors.js';
import type { HttpOutcome } from '../client/http.js';

/** What the exit status of `meridian` says; documented in docs/guides/operations.md. */
export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  /** Another transaction came first, or a check did not hold: nothing was written. */
  conflict: 3,
  notFound: 4,
  /** Refused or not reached: nothing was written, a later try may do. */
  unavailable: 5,
  /** Whether it was written is not known. */
  unknownOutcome: 6,
  /** A consistency check found nodes that differ. */
  difference: 7,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export type FailedExchange = Exclude<HttpOutcome, { kind: 'answer' }>;

/** `writes`: whether the request, had it been carried out, would have changed something. */
export function exitCodeOf(failed: FailedExchange, writes: boolean): ExitCode {
  if (failed.kind === 'unreachable') return exitCodes.unavailable;
  if (failed.kind === 'no-answer') return writes ? exitCodes.unknownOutcome : exitCodes.unavailable;
  if (writes && failed.outcome === 'unknown') return exitCodes.unknownOutcome;
  const entry = Object.hasOwn(catalogue, failed.code) ? catalogue[failed.code as ErrorCode] : undefined;
  if (entry === undefined) return exitCodes.error;
  if (failed.status === 404) return exitCodes.notFound;
  if (entry.http === 412 || entry.retry === 'new-snapshot') return exitCodes.conflict;
  return entry.retry === 'no' ? exitCodes.error : exitCodes.unavailable;
}
