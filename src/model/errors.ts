/** What an app may do after an error. `same-id`: submit the same transaction id again, never a new one. */
export type Retry = 'no' | 'new-snapshot' | 'same-id' | 'later' | 'after-delay' | 'elsewhere' | 'yes';

export type GrpcStatus =
  | 'ABORTED'
  | 'FAILED_PRECONDITION'
  | 'UNKNOWN'
  | 'UNAVAILABLE'
  | 'RESOURCE_EXHAUSTED'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'INVALID_ARGUMENT'
  | 'OUT_OF_RANGE'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'INTERNAL';

export interface CatalogueEntry {
  readonly http: number;
  readonly grpc: GrpcStatus;
  readonly retry: Retry;
  /** One sentence for the app's developer; the reference page shows it. */
  readonly says: string;
  /** Fields that the answer carries beside code, outcome and message. */
  readonly fields: readonly string[];
}

/** Every error code. HTTP and gRPC status, retryability and the reference page derive from this table. */
export const catalogue = {
  CERTIFICATION_CONFLICT: {
    http: 409,
    grpc: 'ABORTED',
    retry: 'new-snapshot',
    says: 'A key that the transaction depends on was written after its snapshot by a transaction that came first in the order. The analogue of MySQL error 1213, SQLSTATE 40001.',
    fields: ['conflict', 'transactionId', 'tombstone'],
  },
  TRANSACTION_ABORTED: {
    http: 409,
    grpc: 'ABORTED',
    retry: 'new-snapshot',
    says: 'The transaction was doomed before COMMIT by a commit that this node has applied (then `conflict` names it), or was rolled back or resolved as never to commit.',
    fields: ['conflict', 'transactionId', 'tombstone'],
  },
  CHECK_FAILED: {
    http: 412,
    grpc: 'FAILED_PRECONDITION',
    retry: 'no',
    says: 'A check did not hold: the key is at another version, absent, or present.',
    fields: ['checks', 'transactionId', 'tombstone'],
  },
  SNAPSHOT_TOO_OLD: {
    http: 409,
    grpc: 'ABORTED',
    retry: 'new-snapshot',
    says: 'The snapshot is below the window of recent commits that certification covers.',
    fields: ['oldest', 'transactionId', 'tombstone'],
  },
  COMMIT_OUTCOME_UNKNOWN: {
    http: 504,
    grpc: 'UNKNOWN',
    retry: 'same-id',
    says: 'COMMIT was sent and no outcome came in time. Ask for it under the transaction id, or submit the same id again: it commits at most once.',
    fields: ['transactionId', 'ask'],
  },
  SEQUENCER_UNAVAILABLE: {
    http: 503,
    grpc: 'UNAVAILABLE',
    retry: 'later',
    says: 'The node has no connection to the sequencer of the keyspace; the request was refused before the sequencer took it.',
    fields: ['transactionId'],
  },
  OVERLOADED: {
    http: 503,
    grpc: 'RESOURCE_EXHAUSTED',
    retry: 'after-delay',
    says: 'A queue is full; the request was refused before it was taken.',
    fields: ['transactionId', 'retryAfterMs'],
  },
  CAUSAL_READ_TIMEOUT: {
    http: 504,
    grpc: 'DEADLINE_EXCEEDED',
    retry: 'yes',
    says: 'The node did not apply what the read has to see within the time given, or could not learn what that is.',
    fields: ['required', 'applied'],
  },
  NODE_NOT_READY: {
    http: 503,
    grpc: 'UNAVAILABLE',
    retry: 'elsewhere',
    says: 'The node does not serve this keyspace now.',
    fields: ['state'],
  },
  NODE_INCONSISTENT: {
    http: 503,
    grpc: 'UNAVAILABLE',
    retry: 'elsewhere',
    says: "The node's history or store differs from the cluster's; it has stopped serving the keyspace.",
    fields: ['state', 'since'],
  },
  TRANSACTION_NOT_FOUND: {
    http: 404,
    grpc: 'NOT_FOUND',
    retry: 'no',
    says: 'No interactive transaction of this id is open on this node; `node` and `address` name the one that minted it, when known.',
    fields: ['transactionId', 'node', 'address'],
  },
  TRANSACTION_EXPIRED: {
    http: 410,
    grpc: 'FAILED_PRECONDITION',
    retry: 'no',
    says: 'The interactive transaction ran into its idle or total time limit and was rolled back.',
    fields: ['transactionId'],
  },
  TRANSACTION_FINISHED: {
    http: 409,
    grpc: 'FAILED_PRECONDITION',
    retry: 'no',
    says: 'The interactive transaction has been committed or rolled back, or is at COMMIT.',
    fields: ['transactionId'],
  },
  TRANSACTION_TOO_LARGE: {
    http: 413,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    says: 'The transaction, its read set or its number of mutations is above a limit.',
    fields: ['limit', 'size'],
  },
  KEY_TOO_LARGE: {
    http: 413,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    says: 'A key is longer than the limit.',
    fields: ['limit', 'size'],
  },
  VALUE_TOO_LARGE: {
    http: 413,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    says: 'A value or a request body is larger than the limit.',
    fields: ['limit', 'size'],
  },
  TYPE_MISMATCH: {
    http: 409,
    grpc: 'FAILED_PRECONDITION',
    retry: 'no',
    says: 'An atomic mutation names a key that holds no counter.',
    fields: ['key', 'transactionId', 'tombstone'],
  },
  KEY_NOT_FOUND: {
    http: 404,
    grpc: 'NOT_FOUND',
    retry: 'no',
    says: 'The key is absent in the snapshot that was read.',
    fields: ['key'],
  },
  KEYSPACE_NOT_FOUND: {
    http: 404,
    grpc: 'NOT_FOUND',
    retry: 'no',
    says: 'The cluster has no keyspace of this name.',
    fields: ['keyspace'],
  },
  OPERATION_REFUSED: {
    http: 409,
    grpc: 'FAILED_PRECONDITION',
    retry: 'no',
    says: "An operator's request that the state of the node or of the cluster does not allow; the message says why.",
    fields: [],
  },
  TRANSACTION_ID_REUSED: {
    http: 422,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    says: 'The transaction id was used before with another content; `outcome` is that of the id.',
    fields: ['transactionId', 'gtid'],
  },
  TRANSACTION_ID_TOO_OLD: {
    http: 410,
    grpc: 'FAILED_PRECONDITION',
    retry: 'no',
    says: 'The transaction id is older than the outcomes that are kept.',
    fields: ['transactionId', 'floorMs'],
  },
  CHANGES_TOO_OLD: {
    http: 410,
    grpc: 'OUT_OF_RANGE',
    retry: 'no',
    says: 'The position asked for is older than the entries that the node keeps.',
    fields: ['oldest'],
  },
  HISTORY_MISMATCH: {
    http: 409,
    grpc: 'FAILED_PRECONDITION',
    retry: 'no',
    says: 'The token, ETag or cursor belongs to another history of the keyspace.',
    fields: ['given', 'history'],
  },
  INVALID_ARGUMENT: {
    http: 400,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    says: 'The request is malformed; the message names what is wrong.',
    fields: ['field'],
  },
  UNAUTHENTICATED: {
    http: 401,
    grpc: 'UNAUTHENTICATED',
    retry: 'no',
    says: 'The request carries no valid credentials.',
    fields: [],
  },
  PERMISSION_DENIED: {
    http: 403,
    grpc: 'PERMISSION_DENIED',
    retry: 'no',
    says: 'The credentials do not allow this.',
    fields: [],
  },
  RATE_LIMITED: {
    http: 429,
    grpc: 'RESOURCE_EXHAUSTED',
    retry: 'after-delay',
    says: 'The client sends more than its share.',
    fields: ['retryAfterMs'],
  },
  INTERNAL: {
    http: 500,
    grpc: 'INTERNAL',
    retry: 'no',
    says: 'A bug or a failing disk on the node; its log has the cause.',
    fields: [],
  },
} as const satisfies Readonly<Record<string, CatalogueEntry>>;

export type ErrorCode = keyof typeof catalogue;

/** What is known of the transaction **id** (not of the attempt) that an error speaks of. */
export type OutcomeWord = 'not-committed' | 'committed' | 'unknown';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

export interface Failure {
  readonly code: ErrorCode;
  /** For people. Nothing may depend on its wording. */
  readonly message: string;
  readonly outcome: OutcomeWord;
  /** The catalogue's `fields` of the code, ready for JSON; keys of the store as text or hexadecimal. */
  readonly details: Readonly<Record<string, JsonValue | undefined>>;
  /** A GTID that the answer's causality token must not be below (the winner of a conflict). */
  readonly token?: string;
}

export type Result<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export function succeed<T>(value: T): Result<T> {
  return { ok: true, value };
}

/** `outcome` is `not-committed` unless `more` says otherwise: right for what was refused before it was sent. */
export function failure(
  code: ErrorCode,
  message: string,
  more: Partial<Pick<Failure, 'outcome' | 'details' | 'token'>> = {},
): Failure {
  return { code, message, outcome: 'not-committed', details: {}, ...more };
}

/** A failure as a result; `more` as in `failure`. */
export function fail(
  code: ErrorCode,
  message: string,
  more: Partial<Pick<Failure, 'outcome' | 'details' | 'token'>> = {},
): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: failure(code, message, more) };
}
