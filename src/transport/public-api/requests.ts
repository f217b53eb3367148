import type { KeyRange } from '../../model/keys.js';
import type { Isolation } from '../../model/write-set.js';
import type {
  BeginMessage,
  CommitMessage,
  FreshnessFields,
  ListMessage,
  OperateMessage,
  ReadMessage,
  TransactMessage,
  TransactionMessage,
} from './messages.js';
import {
  readCheck,
  readIsolation,
  readMutation,
  readRead,
  writeCheck,
  writeIsolation,
  writeMutation,
  writeRead,
} from './operations.js';
import {
  defaultFreshness,
  everyKey,
  readFreshness,
  readRange,
  writeFreshness,
  writeRangeUnlessEvery,
} from './values.js';
import { readKey, readNested, readText, skipUnknown, writeKey, type Reader, type Writer } from './wire.js';

function writeKeyspace(writer: Writer, keyspace: string): void {
  if (keyspace !== '') writer.uint32(10).string(keyspace);
}

export function writeReadRequest(writer: Writer, message: ReadMessage): void {
  writeKeyspace(writer, message.keyspace);
  for (const key of message.keys) writeKey(writer.uint32(18), key);
  writeFreshness(writer, 26, message.freshness);
}

export function readReadRequest(reader: Reader, end: number): ReadMessage {
  let keyspace = '';
  const keys: ReadMessage['keys'][number][] = [];
  let freshness: FreshnessFields = defaultFreshness;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) keyspace = readText(reader);
    else if (tag === 18) keys.push(readKey(reader));
    else if (tag === 26) freshness = readNested(reader, readFreshness, 'freshness');
    else skipUnknown(reader, tag);
  }
  return { keyspace, keys, freshness };
}

export function writeListRequest(writer: Writer, message: ListMessage): void {
  writeKeyspace(writer, message.keyspace);
  writeRangeUnlessEvery(writer, 18, message.range);
  if (message.limit !== 0) writer.uint32(24).uint32(message.limit);
  if (message.reverse) writer.uint32(32).bool(true);
  if (message.keysOnly) writer.uint32(40).bool(true);
  writeFreshness(writer, 50, message.freshness);
}

export function readListRequest(reader: Reader, end: number): ListMessage {
  let keyspace = '';
  let range: KeyRange = everyKey;
  let limit = 0;
  let reverse = false;
  let keysOnly = false;
  let freshness: FreshnessFields = defaultFreshness;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) keyspace = readText(reader);
    else if (tag === 18) range = readNested(reader, readRange, 'range');
    else if (tag === 24) limit = reader.uint32();
    else if (tag === 32) reverse = reader.bool();
    else if (tag === 40) keysOnly = reader.bool();
    else if (tag === 50) freshness = readNested(reader, readFreshness, 'freshness');
    else skipUnknown(reader, tag);
  }
  return { keyspace, range, limit, reverse, keysOnly, freshness };
}

export function writeTransactRequest(writer: Writer, message: TransactMessage): void {
  writeKeyspace(writer, message.keyspace);
  if (message.transactionId !== '') writer.uint32(18).string(message.transactionId);
  if (message.attempt !== 0) writer.uint32(24).uint32(message.attempt);
  writeIsolation(writer, 32, message.isolation);
  for (const read of message.reads) writeRead(writer, 42, read);
  for (const check of message.checks) writeCheck(writer, 50, check);
  for (const mutation of message.mutations) writeMutation(writer, 58, mutation);
  writeFreshness(writer, 66, message.freshness);
}

export function readTransactRequest(reader: Reader, end: number): TransactMessage {
  let keyspace = '';
  let transactionId = '';
  let attempt = 0;
  let isolation: Isolation = 'serializable';
  const reads: TransactMessage['reads'][number][] = [];
  const checks: TransactMessage['checks'][number][] = [];
  const mutations: TransactMessage['mutations'][number][] = [];
  let freshness: FreshnessFields = defaultFreshness;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) keyspace = readText(reader);
    else if (tag === 18) transactionId = readText(reader);
    else if (tag === 24) attempt = reader.uint32();
    else if (tag === 32) isolation = readIsolation(reader);
    else if (tag === 42) reads.push(readNested(reader, readRead, 'reads', reads.length));
    else if (tag === 50) checks.push(readNested(reader, readCheck, 'checks', checks.length));
    else if (tag === 58) mutations.push(readNested(reader, readMutation, 'mutations', mutations.length));
    else if (tag === 66) freshness = readNested(reader, readFreshness, 'freshness');
    else skipUnknown(reader, tag);
  }
  return { keyspace, transactionId, attempt, isolation, reads, checks, mutations, freshness };
}

export function writeBeginRequest(writer: Writer, message: BeginMessage): void {
  writeKeyspace(writer, message.keyspace);
  writeIsolation(writer, 16, message.isolation);
  writeFreshness(writer, 26, message.freshness);
  if (message.idleTimeoutMs !== 0) writer.uint32(32).uint32(message.idleTimeoutMs);
}

export function readBeginRequest(reader: Reader, end: number): BeginMessage {
  let keyspace = '';
  let isolation: Isolation = 'serializable';
  let freshness: FreshnessFields = defaultFreshness;
  let idleTimeoutMs = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) keyspace = readText(reader);
    else if (tag === 16) isolation = readIsolation(reader);
    else if (tag === 26) freshness = readNested(reader, readFreshness, 'freshness');
    else if (tag === 32) idleTimeoutMs = reader.uint32();
    else skipUnknown(reader, tag);
  }
  return { keyspace, isolation, freshness, idleTimeoutMs };
}

/** RollbackRequest and GetTransactionRequest; the beginning of the other two that name a transaction. */
export function writeTransactionRequest(writer: Writer, message: TransactionMessage): void {
  writeKeyspace(writer, message.keyspace);
  if (message.transactionId !== '') writer.uint32(18).string(message.transactionId);
}

export function readTransactionRequest(reader: Reader, end: number): TransactionMessage {
  let keyspace = '';
  let transactionId = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) keyspace = readText(reader);
    else if (tag === 18) transactionId = readText(reader);
    else skipUnknown(reader, tag);
  }
  return { keyspace, transactionId };
}

export function writeOperateRequest(writer: Writer, message: OperateMessage): void {
  writeTransactionRequest(writer, message);
  for (const mutation of message.mutations) writeMutation(writer, 26, mutation);
  for (const read of message.reads) writeRead(writer, 34, read);
}

export function readOperateRequest(reader: Reader, end: number): OperateMessage {
  let keyspace = '';
  let transactionId = '';
  const mutations: OperateMessage['mutations'][number][] = [];
  const reads: OperateMessage['reads'][number][] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) keyspace = readText(reader);
    else if (tag === 18) transactionId = readText(reader);
    else if (tag === 26) mutations.push(readNested(reader, readMutation, 'mutations', mutations.length));
    else if (tag === 34) reads.push(readNested(reader, readRead, 'reads', reads.length));
    else skipUnknown(reader, tag);
  }
  return { keyspace, transactionId, mutations, reads };
}

export function writeCommitRequest(writer: Writer, message: CommitMessage): void {
  writeTransactionRequest(writer, message);
  for (const mutation of message.mutations) writeMutation(writer, 26, mutation);
}

export function readCommitRequest(reader: Reader, end: number): CommitMessage {
  let keyspace = '';
  let transactionId = '';
  const mutations: CommitMessage['mutations'][number][] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) keyspace = readText(reader);
    else if (tag === 18) transactionId = readText(reader);
    else if (tag === 26) mutations.push(readNested(reader, readMutation, 'mutations', mutations.length));
    else skipUnknown(reader, tag);
  }
  return { keyspace, transactionId, mutations };
}
