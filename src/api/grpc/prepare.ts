import { assertNever } from '../../model/assert.js';
import { succeed, type Result } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import type { Runtime } from '../../runtime/runtime.js';
import type { KeyspaceService, NodeService } from '../../transaction/service.js';
import type {
  BeginMessage,
  CommitMessage,
  ListMessage,
  Method,
  OperateMessage,
  ReadMessage,
  ReplyResult,
  TransactionMessage,
  TransactMessage,
} from '../../transport/public-api/messages.js';
import { contentOf } from '../content.js';
import { invalid, transactionTooLarge } from '../invalid.js';
import { nameMinter } from '../minter.js';
import {
  checksRefusal,
  entriesOf,
  freshnessOf,
  keyRefusal,
  mutationsRefusal,
  rangeRefusal,
  readsOf,
  transactionIdOf,
} from './inputs.js';
import { bufferMutations, detached, runReads } from './interactive.js';
import { commitReply, listedEntry, readAnswer, stateReply } from './replies.js';

export interface GrpcContext {
  readonly node: NodeService;
  readonly runtime: Runtime;
}

/** What a keyspace is asked for; ping and cancel are the session's own. */
export type KeyspaceMethod = Exclude<Method, { kind: 'ping' | 'cancel' }>;

/** A call as the conversion sees it. */
interface Asked<M> extends GrpcContext {
  readonly service: KeyspaceService;
  readonly message: M;
  /** What is left of the call's time, ms; Infinity: no end. */
  readonly timeoutMs: number;
}

/** What is left to do of a call whose input is right. */
type Work = () => Promise<Result<ReplyResult>>;

/** Judges what a call gives, and touches nothing: a failure is a refusal of the input, which names the field. */
export function prepare(asked: Asked<KeyspaceMethod>): Result<Work> {
  const { message } = asked;
  switch (message.kind) {
    case 'read':
      return read(asked as Asked<ReadMessage>);
    case 'list':
      return list(asked as Asked<ListMessage>);
    case 'transact':
      return transact(asked as Asked<TransactMessage>);
    case 'begin':
      return begin(asked as Asked<BeginMessage>);
    case 'operate':
      return operate(asked as Asked<OperateMessage>);
    case 'commit':
      return commit(asked as Asked<CommitMessage>);
    case 'rollback':
      return rollback(asked as Asked<TransactionMessage>);
    case 'getTransaction':
      return getTransaction(asked as Asked<TransactionMessage>);
    default:
      return assertNever(message);
  }
}

function read({
  service,
  message: { keys, freshness: fields },
  timeoutMs,
}: Asked<ReadMessage>): Result<Work> {
  if (keys.length === 0) return invalid('keys', 'at least one is required');
  if (keys.length > limits.readsMax) return transactionTooLarge('keys', limits.readsMax, keys.length);
  for (const [i, key] of keys.entries()) {
    const refusal = keyRefusal(`keys[${i}]`, key);
    if (refusal !== undefined) return refusal;
  }
  const freshness = freshnessOf(fields, timeoutMs);
  if (!freshness.ok) return freshness;
  return succeed(async () => {
    const found = await service.read(keys, freshness.value);
    return found.ok ? succeed({ kind: 'read', reply: found.value }) : found;
  });
}

function list({ service, message, timeoutMs }: Asked<ListMessage>): Result<Work> {
  const { range, reverse, keysOnly } = message;
  const refusal = rangeRefusal('range', range);
  if (refusal !== undefined) return refusal;
  const limit = entriesOf('limit', message.limit);
  if (!limit.ok) return limit;
  const freshness = freshnessOf(message.freshness, timeoutMs);
  if (!freshness.ok) return freshness;
  return succeed(async () => {
    const page = await service.list(range, { ...freshness.value, limit: limit.value, reverse });
    if (!page.ok) return page;
    const { gtid, rest } = page.value;
    const entries = page.value.entries.map((entry) => listedEntry(entry, keysOnly));
    return succeed({ kind: 'list', reply: { gtid, rest, entries } });
  });
}

function transact({ service, message, timeoutMs }: Asked<TransactMessage>): Result<Work> {
  const { isolation, checks, mutations } = message;
  const id = message.transactionId === '' ? succeed(undefined) : transactionIdOf(message.transactionId);
  if (!id.ok) return id;
  const reads = readsOf(message.reads);
  if (!reads.ok) return reads;
  const refusal = checksRefusal(checks) ?? mutationsRefusal(mutations);
  if (refusal !== undefined) return refusal;
  const freshness = freshnessOf(message.freshness, timeoutMs);
  if (!freshness.ok) return freshness;
  const transaction = { isolation, reads: reads.value, checks, mutations };
  const mayBeRetry = id.value !== undefined && message.attempt !== 1;
  const content = contentOf(transaction);
  return succeed(async () => {
    const request = { id: id.value, mayBeRetry, ...freshness.value, ...transaction, content };
    const committed = await service.transact(request);
    if (!committed.ok) return committed;
    const commit = commitReply(committed.value);
    return succeed({ kind: 'transact', reply: { commit, reads: committed.value.reads.map(readAnswer) } });
  });
}

function begin({ service, message, timeoutMs }: Asked<BeginMessage>): Result<Work> {
  const { isolation, idleTimeoutMs } = message;
  if (idleTimeoutMs > limits.transactionIdleMsMax) {
    return invalid('idle_timeout_ms', `must be at most ${limits.transactionIdleMsMax}`);
  }
  const freshness = freshnessOf(message.freshness, timeoutMs);
  if (!freshness.ok) return freshness;
  const idle = idleTimeoutMs === 0 ? undefined : idleTimeoutMs;
  return succeed(async () => {
    const begun = await service.begin({ ...freshness.value, isolation, idleTimeoutMs: idle });
    if (!begun.ok) return begun;
    const { id, snapshot } = begun.value;
    return succeed({ kind: 'begin', reply: { transactionId: id, snapshot } });
  });
}

function operate({
  node,
  service,
  message: { transactionId, mutations, ...rest },
}: Asked<OperateMessage>): Result<Work> {
  const id = transactionIdOf(transactionId);
  if (!id.ok) return id;
  const reads = readsOf(rest.reads);
  if (!reads.ok) return reads;
  const refusal = mutationsRefusal(mutations);
  if (refusal !== undefined) return refusal;
  return succeed(async () => {
    const open = service.open(id.value);
    if (!open.ok) return { ok: false, failure: nameMinter(node, id.value, open.failure) };
    const buffered = await bufferMutations(open.value, mutations);
    if (buffered !== undefined) return { ok: false, failure: buffered };
    const answers = await runReads(open.value, reads.value);
    return answers.ok ? succeed({ kind: 'operate', reply: { reads: answers.value } }) : answers;
  });
}

function commit({
  node,
  service,
  message: { transactionId, mutations },
}: Asked<CommitMessage>): Result<Work> {
  const id = transactionIdOf(transactionId);
  if (!id.ok) return id;
  const refusal = mutationsRefusal(mutations);
  if (refusal !== undefined) return refusal;
  return succeed(async () => {
    const committed = await service.commit(id.value, mutations.map(detached));
    if (!committed.ok) return { ok: false, failure: nameMinter(node, id.value, committed.failure) };
    return succeed({ kind: 'commit', reply: commitReply(committed.value) });
  });
}

function rollback({ node, service, message }: Asked<TransactionMessage>): Result<Work> {
  const id = transactionIdOf(message.transactionId);
  if (!id.ok) return id;
  return succeed(async () => {
    const state = await service.rollback(id.value);
    return state.ok ? stateReply(node, service, { id: id.value, state: state.value }) : state;
  });
}

function getTransaction({ node, service, message }: Asked<TransactionMessage>): Result<Work> {
  const id = transactionIdOf(message.transactionId);
  if (!id.ok) return id;
  const state = (): Result<ReplyResult> =>
    stateReply(node, service, { id: id.value, state: service.transactionState(id.value) });
  return succeed(() => Promise.resolve(state()));
}
