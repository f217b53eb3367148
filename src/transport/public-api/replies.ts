import { assertNever } from '../../model/assert.js';
import { firstKey, type KeyRange } from '../../model/keys.js';
import type { VersionedValue } from '../../model/value.js';
import type {
  BeginReply,
  CommitReply,
  ListReply,
  OperateReply,
  ReadAnswerMessage,
  ReadReply,
  StateReply,
  TransactReply,
} from './messages.js';
import {
  readEntry,
  readListedEntry,
  readRange,
  readValue,
  writeEntry,
  writeListedEntry,
  writeRange,
  writeValue,
} from './values.js';
import {
  MalformedMessage,
  readKey,
  readNested,
  readSint64,
  readText,
  skipUnknown,
  writeKey,
  writeSint64,
  type Reader,
  type Writer,
} from './wire.js';

export function writeText(writer: Writer, tag: number, text: string): void {
  if (text !== '') writer.uint32(tag).string(text);
}

export function writeReadReply(writer: Writer, { gtid, values }: ReadReply): void {
  writeText(writer, 10, gtid);
  for (const value of values) {
    writer.uint32(18).fork();
    if (value !== undefined) writeValue(writer, 10, value);
    writer.ldelim();
  }
}

export function readReadReply(reader: Reader, end: number): ReadReply {
  let gtid = '';
  const values: (VersionedValue | undefined)[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) gtid = readText(reader);
    else if (tag === 18) values.push(readNested(reader, readReadValue, 'values', values.length));
    else skipUnknown(reader, tag);
  }
  return { gtid, values };
}

function readReadValue(reader: Reader, end: number): VersionedValue | undefined {
  let value: VersionedValue | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) value = readNested(reader, readValue, 'value');
    else skipUnknown(reader, tag);
  }
  return value;
}

export function writeListReply(writer: Writer, { gtid, entries, rest }: ListReply): void {
  writeText(writer, 10, gtid);
  for (const entry of entries) writeListedEntry(writer, 18, entry);
  if (rest !== undefined) writeRange(writer, 26, rest);
}

export function readListReply(reader: Reader, end: number): ListReply {
  let gtid = '';
  const entries: ListReply['entries'][number][] = [];
  let rest: KeyRange | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) gtid = readText(reader);
    else if (tag === 18) entries.push(readNested(reader, readListedEntry, 'entries', entries.length));
    else if (tag === 26) rest = readNested(reader, readRange, 'rest');
    else skipUnknown(reader, tag);
  }
  return { gtid, entries, rest };
}

function writeReadAnswer(writer: Writer, tag: number, { entries, rest }: ReadAnswerMessage): void {
  writer.uint32(tag).fork();
  for (const entry of entries) writeEntry(writer, 10, entry);
  if (rest !== undefined) writeRange(writer, 18, rest);
  writer.ldelim();
}

function readReadAnswer(reader: Reader, end: number): ReadAnswerMessage {
  const entries: ReadAnswerMessage['entries'][number][] = [];
  let rest: KeyRange | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) entries.push(readNested(reader, readEntry, 'entries', entries.length));
    else if (tag === 18) rest = readNested(reader, readRange, 'rest');
    else skipUnknown(reader, tag);
  }
  return { entries, rest };
}

export function writeTransactReply(writer: Writer, { commit, reads }: TransactReply): void {
  writeCommitReply(writer.uint32(10).fork(), commit);
  writer.ldelim();
  for (const read of reads) writeReadAnswer(writer, 18, read);
}

export function readTransactReply(reader: Reader, end: number): TransactReply {
  let commit: CommitReply | undefined;
  const reads: ReadAnswerMessage[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) commit = readNested(reader, readCommitReply, 'commit');
    else if (tag === 18) reads.push(readNested(reader, readReadAnswer, 'reads', reads.length));
    else skipUnknown(reader, tag);
  }
  if (commit === undefined) throw new MalformedMessage('commit', 'is required');
  return { commit, reads };
}

export function writeCommitReply(writer: Writer, { transactionId, gtid, results }: CommitReply): void {
  writeText(writer, 10, transactionId);
  writeText(writer, 18, gtid);
  for (const result of results) {
    writer.uint32(26).fork();
    if (result !== null) writeSint64(writer.uint32(8), result);
    writer.ldelim();
  }
}

export function readCommitReply(reader: Reader, end: number): CommitReply {
  let transactionId = '';
  let gtid = '';
  const results: (bigint | null)[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) transactionId = readText(reader);
    else if (tag === 18) gtid = readText(reader);
    else if (tag === 26) results.push(readNested(reader, readMutationResult, 'results', results.length));
    else skipUnknown(reader, tag);
  }
  return { transactionId, gtid, results };
}

function readMutationResult(reader: Reader, end: number): bigint | null {
  let counter: bigint | null = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) counter = readSint64(reader);
    else skipUnknown(reader, tag);
  }
  return counter;
}

export function writeBeginReply(writer: Writer, { transactionId, snapshot }: BeginReply): void {
  writeText(writer, 10, transactionId);
  writeText(writer, 18, snapshot);
}

export function readBeginReply(reader: Reader, end: number): BeginReply {
  const [transactionId, snapshot] = readTwoTexts(reader, end);
  return { transactionId, snapshot };
}

export function writeOperateReply(writer: Writer, { reads }: OperateReply): void {
  for (const read of reads) writeReadAnswer(writer, 10, read);
}

export function readOperateReply(reader: Reader, end: number): OperateReply {
  const reads: ReadAnswerMessage[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) reads.push(readNested(reader, readReadAnswer, 'reads', reads.length));
    else skipUnknown(reader, tag);
  }
  return { reads };
}

export function writeStateReply(writer: Writer, reply: StateReply): void {
  switch (reply.state) {
    case 'open':
      writer.uint32(10).string(reply.snapshot);
      return;
    case 'committed':
      writeCommitReply(writer.uint32(18).fork(), reply.commit);
      break;
    case 'aborted':
      writeText(writer.uint32(26).fork(), 10, reply.code);
      if (reply.conflict !== undefined) {
        writer.uint32(18).fork();
        if (reply.conflict.key !== '') writeKey(writer.uint32(10), reply.conflict.key);
        writeText(writer, 18, reply.conflict.gtid);
        writer.ldelim();
      }
      break;
    case 'unknown':
      writeText(writer.uint32(34).fork(), 10, reply.node);
      writeText(writer, 18, reply.httpAddress);
      break;
    default:
      assertNever(reply);
  }
  writer.ldelim();
}

export function readStateReply(reader: Reader, end: number): StateReply {
  let state: StateReply | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) state = { state: 'open', snapshot: readText(reader) };
    else if (tag === 18)
      state = { state: 'committed', commit: readNested(reader, readCommitReply, 'committed') };
    else if (tag === 26) state = readNested(reader, readAborted, 'aborted');
    else if (tag === 34) state = readNested(reader, readUnknown, 'unknown');
    else skipUnknown(reader, tag);
  }
  if (state === undefined) {
    throw new MalformedMessage('', 'one of open, committed, aborted and unknown is required');
  }
  return state;
}

function readAborted(reader: Reader, end: number): StateReply {
  let code = '';
  let conflict: Extract<StateReply, { state: 'aborted' }>['conflict'];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) code = readText(reader);
    else if (tag === 18) conflict = readNested(reader, readConflict, 'conflict');
    else skipUnknown(reader, tag);
  }
  return { state: 'aborted', code, conflict };
}

function readConflict(reader: Reader, end: number) {
  let key = firstKey;
  let gtid = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) key = readKey(reader);
    else if (tag === 18) gtid = readText(reader);
    else skipUnknown(reader, tag);
  }
  return { key, gtid };
}

function readUnknown(reader: Reader, end: number): StateReply {
  const [node, httpAddress] = readTwoTexts(reader, end);
  return { state: 'unknown', node, httpAddress };
}

/** Fields 1 and 2. */
function readTwoTexts(reader: Reader, end: number): readonly [string, string] {
  let first = '';
  let second = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) first = readText(reader);
    else if (tag === 18) second = readText(reader);
    else skipUnknown(reader, tag);
  }
  return [first, second];
}
