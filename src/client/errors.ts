import { catalogue, type ErrorCode, type JsonValue, type OutcomeWord, type Retry } from '../model/errors.js';
import type { FailureMessage } from '../transport/public-api/messages.js';

/** Codes beside the catalogue's, for what the client itself finds, and what each says. */
export const clientCodes = {
  DEADLINE_EXCEEDED: "The call's time ended.",
  NO_NODE_REACHABLE: 'No endpoint could be reached.',
  CLIENT_CLOSED: '`close` was called.',
  KEY_NOT_TEXT: 'A key that is not UTF-8 was met where keys are given back as text.',
  VALUE_MALFORMED: "A value's bytes are not the JSON that its content type says.",
} as const;
export type ClientErrorCode = keyof typeof clientCodes;

/** Every code that an error of this client can have. */
export type MeridianErrorCode = ErrorCode | ClientErrorCode;

export type { OutcomeWord, Retry };

export type ErrorDetails = Readonly<Record<string, JsonValue | undefined>>;

export interface ErrorFields {
  readonly code: MeridianErrorCode;
  readonly message: string;
  readonly outcome?: OutcomeWord;
  readonly retry?: Retry;
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/** Whatever a call throws, except misuse (TypeError) and the reason of an AbortSignal. */
export class MeridianError extends Error {
  override readonly name: string = 'MeridianError';
  readonly code: MeridianErrorCode;
  /** Of the transaction id, where there is one: `not-committed` also says that nothing was written. */
  readonly outcome: OutcomeWord;
  /** What the catalogue advises; the client has done it already, as long as its time lasted. */
  readonly retry: Retry;
  /** The code's own fields (docs/reference/errors.md). */
  readonly details: ErrorDetails;

  constructor(fields: ErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.outcome = fields.outcome ?? 'not-committed';
    this.retry = fields.retry ?? 'no';
    this.details = fields.details ?? {};
  }

  get transactionId(): string | undefined {
    const id = this.details['transactionId'];
    return typeof id === 'string' ? id : undefined;
  }
}

/** Another transaction came first in the order, and the retries' time or number ended. Nothing was committed. */
export class ConflictError extends MeridianError {
  override readonly name = 'ConflictError';

  /** The key that was written, and the commit that won, when the node knows them. */
  get conflict(): { readonly key: string; readonly gtid: string } | undefined {
    return this.details['conflict'] as { readonly key: string; readonly gtid: string } | undefined;
  }
}

export interface FailedCheck {
  readonly key: string;
  readonly expected: number | 'absent' | 'present';
  /** The version that is there; null: absent. */
  readonly actual: number | null;
}

export class CheckFailedError extends MeridianError {
  override readonly name = 'CheckFailedError';

  get checks(): readonly FailedCheck[] {
    return (this.details['checks'] ?? []) as unknown as readonly FailedCheck[];
  }
}

/**
 * The transaction may have committed, or may yet commit. `resolve(transactionId)` settles it in any region. `cause` says
 * what ended the wait.
 */
export class OutcomeUnknownError extends MeridianError {
  override readonly name = 'OutcomeUnknownError';
  override readonly outcome = 'unknown';

  override get transactionId(): string {
    return String(this.details['transactionId']);
  }
}

/** No node could take the call in its time: none reachable, none serving, or too much load. Nothing was committed. */
export class UnavailableError extends MeridianError {
  override readonly name = 'UnavailableError';
}

/** The call's time ended, or a node could not become as new as asked. Nothing was committed. */
export class TimeoutError extends MeridianError {
  override readonly name = 'TimeoutError';
}

/** A causality token or position is of a history that the keyspace no longer has; see `causality.reset`. */
export class HistoryMismatchError extends MeridianError {
  override readonly name = 'HistoryMismatchError';
}

/** The position of a watch is no longer kept: read the state anew, and watch from there. */
export class ChangesTooOldError extends MeridianError {
  override readonly name = 'ChangesTooOldError';

  /** The oldest position that the node can go on from. */
  get oldest(): string | undefined {
    const oldest = this.details['oldest'];
    return typeof oldest === 'string' ? oldest : undefined;
  }
}

/** No credentials, or not the right ones. */
export class AccessError extends MeridianError {
  override readonly name = 'AccessError';
}

type ErrorClass = new (fields: ErrorFields) => MeridianError;

/** Codes whose errors have a class of their own; all others are plain MeridianErrors. */
export const classes: Partial<Record<MeridianErrorCode, ErrorClass>> = {
  CERTIFICATION_CONFLICT: ConflictError,
  TRANSACTION_ABORTED: ConflictError,
  SNAPSHOT_TOO_OLD: ConflictError,
  CHECK_FAILED: CheckFailedError,
  COMMIT_OUTCOME_UNKNOWN: OutcomeUnknownError,
  SEQUENCER_UNAVAILABLE: UnavailableError,
  OVERLOADED: UnavailableError,
  RATE_LIMITED: UnavailableError,
  NODE_NOT_READY: UnavailableError,
  NODE_INCONSISTENT: UnavailableError,
  NO_NODE_REACHABLE: UnavailableError,
  CLIENT_CLOSED: UnavailableError,
  CAUSAL_READ_TIMEOUT: TimeoutError,
  DEADLINE_EXCEEDED: TimeoutError,
  HISTORY_MISMATCH: HistoryMismatchError,
  CHANGES_TOO_OLD: ChangesTooOldError,
  UNAUTHENTICATED: AccessError,
  PERMISSION_DENIED: AccessError,
};

/** The error of the class that its code has. */
export function errorOf(fields: ErrorFields): MeridianError {
  return new (classes[fields.code] ?? MeridianError)(fields);
}

/** What a node answered. A code that this client does not know keeps its name. */
export function errorOfFailure(failure: FailureMessage): MeridianError {
  const code = failure.code as ErrorCode;
  const retry = failure.retry === '' ? (catalogue[code]?.retry ?? 'no') : (failure.retry as Retry);
  const outcome = outcomeOfWord(failure.outcome);
  return errorOf({ code, message: failure.message, outcome, retry, details: parse(failure.detailsJson) });
}

/** What is no word of ours proves nothing. */
function outcomeOfWord(word: string): OutcomeWord {
  return word === 'not-committed' || word === 'committed' ? word : 'unknown';
}

function parse(json: string): ErrorDetails {
  if (json === '') return {};
  try {
    return JSON.parse(json) as ErrorDetails;
  } catch {
    return {};
  }
}

/** How every call ends whose transaction's outcome the client could not learn. */
export function outcomeUnknown(transactionId: string, cause: unknown): OutcomeUnknownError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new OutcomeUnknownError({
    code: 'COMMIT_OUTCOME_UNKNOWN',
    message: `the outcome of transaction ${transactionId} is not known${why}`,
    outcome: 'unknown',
    retry: 'same-id',
    details: { transactionId },
    cause,
  });
}

export function clientClosed(): MeridianError {
  return errorOf({ code: 'CLIENT_CLOSED', message: 'the client is closed' });
}

export function deadlineExceeded(): MeridianError {
  return errorOf({
    code: 'DEADLINE_EXCEEDED',
    message: "the call's time ended before an answer came",
    retry: 'yes',
  });
}
