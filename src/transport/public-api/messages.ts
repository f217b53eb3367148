import type { Key, KeyRange } from '../../model/keys.js';
import type { MutationResults } from '../../model/outcome.js';
import type { Check, MutationRequest, ReadRequest } from '../../model/request.js';
import type { VersionedValue } from '../../model/value.js';
import type { Isolation } from '../../model/write-set.js';

/**
 * The messages of proto/meridian/v1/meridian.proto as code uses them, in the words of the model. Numbers where the
 * proto file says "0: default" are 0 here too; texts that may be missing are ''.
 */
export interface FreshnessFields {
  readonly causal: boolean;
  readonly token: string;
  readonly timeoutMs: number;
}

export interface ReadMessage {
  readonly keyspace: string;
  readonly keys: readonly Key[];
  readonly freshness: FreshnessFields;
}

export interface ReadReply {
  readonly gtid: string;
  readonly values: readonly (VersionedValue | undefined)[];
}

export interface ListMessage {
  readonly keyspace: string;
  readonly range: KeyRange;
  readonly limit: number;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly freshness: FreshnessFields;
}

/** `value` is undefined when only keys were asked for. */
export interface ListedEntry {
  readonly key: Key;
  readonly version: number;
  readonly value: VersionedValue | undefined;
}

export interface ListReply {
  readonly gtid: string;
  readonly entries: readonly ListedEntry[];
  readonly rest: KeyRange | undefined;
}

export interface TransactMessage {
  readonly keyspace: string;
  readonly transactionId: string;
  readonly attempt: number;
  readonly isolation: Isolation;
  /** Of a range, `limit` 0 is the default. */
  readonly reads: readonly ReadRequest[];
  readonly checks: readonly Check[];
  readonly mutations: readonly MutationRequest[];
  readonly freshness: FreshnessFields;
}

export interface PresentEntry {
  readonly key: Key;
  readonly value: VersionedValue;
}

/** Of a read of one key: no entry, or one. */
export interface ReadAnswerMessage {
  readonly entries: readonly PresentEntry[];
  readonly rest: KeyRange | undefined;
}

export interface CommitReply {
  readonly transactionId: string;
  readonly gtid: string;
  readonly results: MutationResults;
}

export interface TransactReply {
  readonly commit: CommitReply;
  readonly reads: readonly ReadAnswerMessage[];
}

export interface BeginMessage {
  readonly keyspace: string;
  readonly isolation: Isolation;
  readonly freshness: FreshnessFields;
  readonly idleTimeoutMs: number;
}

export interface BeginReply {
  readonly transactionId: string;
  readonly snapshot: string;
}

/** Names a transaction: what rollback and getTransaction ask. */
export interface TransactionMessage {
  readonly keyspace: string;
  readonly transactionId: string;
}

export interface OperateMessage extends TransactionMessage {
  readonly mutations: readonly MutationRequest[];
  readonly reads: readonly ReadRequest[];
}

export interface OperateReply {
  readonly reads: readonly ReadAnswerMessage[];
}

export interface CommitMessage extends TransactionMessage {
  readonly mutations: readonly MutationRequest[];
}

export type StateReply =
  | { readonly state: 'open'; readonly snapshot: string }
  | { readonly state: 'committed'; readonly commit: CommitReply }
  | {
      readonly state: 'aborted';
      readonly code: string;
      readonly conflict: { readonly key: Key; readonly gtid: string } | undefined;
    }
  | { readonly state: 'unknown'; readonly node: string; readonly httpAddress: string };

export type Method =
  | ({ readonly kind: 'read' } & ReadMessage)
  | ({ readonly kind: 'list' } & ListMessage)
  | ({ readonly kind: 'transact' } & TransactMessage)
  | ({ readonly kind: 'begin' } & BeginMessage)
  | ({ readonly kind: 'operate' } & OperateMessage)
  | ({ readonly kind: 'commit' } & CommitMessage)
  | ({ readonly kind: 'rollback' } & TransactionMessage)
  | ({ readonly kind: 'getTransaction' } & TransactionMessage)
  | { readonly kind: 'ping' }
  | { readonly kind: 'cancel'; readonly id: number };

export interface Call {
  readonly id: number;
  /** 0: as long as the server waits. */
  readonly timeoutMs: number;
  readonly method: Method;
}

export interface Pong {
  readonly serverTimeMs: number;
  readonly serving: boolean;
}

/** An error as it travels: the catalogue's code, and everything else that an ErrorInfo has. */
export interface FailureMessage {
  readonly code: string;
  readonly message: string;
  readonly outcome: string;
  readonly retry: string;
  readonly token: string;
  readonly detailsJson: string;
}

export type ReplyResult =
  | { readonly kind: 'failure'; readonly failure: FailureMessage }
  | { readonly kind: 'read'; readonly reply: ReadReply }
  | { readonly kind: 'list'; readonly reply: ListReply }
  | { readonly kind: 'transact'; readonly reply: TransactReply }
  | { readonly kind: 'begin'; readonly reply: BeginReply }
  | { readonly kind: 'operate'; readonly reply: OperateReply }
  | { readonly kind: 'commit'; readonly reply: CommitReply }
  | { readonly kind: 'state'; readonly reply: StateReply }
  | { readonly kind: 'pong'; readonly reply: Pong };

export interface Reply {
  readonly id: number;
  readonly result: ReplyResult;
}

export interface SessionWelcome {
  readonly cluster: string;
  readonly node: string;
  readonly region: string;
  readonly serverTimeMs: number;
  readonly callsMax: number;
}

export interface SessionRequest {
  readonly calls: readonly Call[];
}

export interface SessionResponse {
  readonly welcome: SessionWelcome | undefined;
  readonly replies: readonly Reply[];
}

export interface WatchMessage {
  readonly keyspace: string;
  readonly from: string;
  readonly range: KeyRange;
}

export type ChangeMessage =
  | { readonly kind: 'set'; readonly key: Key; readonly value: VersionedValue }
  | { readonly kind: 'deleted'; readonly key: Key }
  | { readonly kind: 'deletedRange'; readonly range: KeyRange };

export interface CommitEventMessage {
  readonly gtid: string;
  readonly timeMs: number;
  readonly changes: readonly ChangeMessage[];
}

export interface WatchReply {
  readonly commits: readonly CommitEventMessage[];
  readonly position: string;
}

/** `json` is the body of GET /v1/cluster. */
export interface ClusterReply {
  readonly cluster: string;
  readonly node: string;
  readonly region: string;
  readonly version: string;
  readonly json: string;
}

export interface StateHashMessage {
  readonly keyspace: string;
}

export interface StateHashReply {
  readonly hash: string;
  readonly keys: number;
  readonly gtid: string;
}
