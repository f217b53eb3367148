/** The client of a Meridian cluster: docs/reference/sdk.md. */
export { connect, type ConnectOptions, type TlsOptions } from './connect.js';
export {
  Client,
  type ClientOptions,
  type ClientParts,
  type EndpointStatus,
  type KeyspaceOptions,
} from './client.js';
export {
  Keyspace,
  type CounterCommit,
  type ListedKey,
  type ListOptions,
  type TransactOptions,
  type WatchOptions,
} from './keyspace.js';
export type { DialledStream, Dialler } from './dialler.js';
export { Atomic } from './atomic.js';
export { Transaction, type TransactionListOptions } from './transaction.js';
export type { Transacted } from './transact.js';
export { Watch } from './watch.js';
export type { Change, CommitEvent } from './watch-events.js';
export type { Entry } from './values.js';
export type { KeyInput, Selector } from './keys.js';
export type { Expectation, Seen } from './mutations.js';
export type {
  CallOptions,
  Commit,
  CommitOptions,
  ExpiryOptions,
  ReadOptions,
  SetOptions,
} from './options.js';
export type { Outcome, SettledOutcome } from './outcomes.js';
export type { Causality } from './causality.js';
export type { RegionChange } from './nodes.js';
export {
  AccessError,
  ChangesTooOldError,
  CheckFailedError,
  ConflictError,
  HistoryMismatchError,
  MeridianError,
  OutcomeUnknownError,
  TimeoutError,
  UnavailableError,
  type ClientErrorCode,
  type ErrorDetails,
  type FailedCheck,
  type MeridianErrorCode,
  type OutcomeWord,
  type Retry,
} from './errors.js';
