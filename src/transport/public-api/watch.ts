import type { KeyRange } from '../../model/keys.js';
import type { ChangeMessage, CommitEventMessage, WatchMessage, WatchReply } from './messages.js';
import { writeText } from './replies.js';
import { everyKey, readEntry, readRange, writeEntry, writeRange, writeRangeUnlessEvery } from './values.js';
import {
  codec,
  MalformedMessage,
  readKey,
  readNested,
  readText,
  readUint64,
  skipUnknown,
  writeKey,
  type Reader,
  type Writer,
} from './wire.js';

function writeWatchRequest(writer: Writer, { keyspace, from, range }: WatchMessage): void {
  writeText(writer, 10, keyspace);
  writeText(writer, 18, from);
  writeRangeUnlessEvery(writer, 26, range);
}

function readWatchRequest(reader: Reader, end: number): WatchMessage {
  let keyspace = '';
  let from = '';
  let range: KeyRange = everyKey;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) keyspace = readText(reader);
    else if (tag === 18) from = readText(reader);
    else if (tag === 26) range = readNested(reader, readRange, 'range');
    else skipUnknown(reader, tag);
  }
  return { keyspace, from, range };
}

export const watchRequest = codec(writeWatchRequest, readWatchRequest);

function writeChange(writer: Writer, change: ChangeMessage): void {
  writer.uint32(26).fork();
  if (change.kind === 'set') writeEntry(writer, 10, change);
  else if (change.kind === 'deleted') writeKey(writer.uint32(18), change.key);
  else writeRange(writer, 26, change.range);
  writer.ldelim();
}

function readChange(reader: Reader, end: number): ChangeMessage {
  let change: ChangeMessage | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) change = { kind: 'set', ...readNested(reader, readEntry, 'set') };
    else if (tag === 18) change = { kind: 'deleted', key: readKey(reader) };
    else if (tag === 26)
      change = { kind: 'deletedRange', range: readNested(reader, readRange, 'deleted_range') };
    else skipUnknown(reader, tag);
  }
  if (change === undefined) {
    throw new MalformedMessage('', 'one of set, deleted and deleted_range is required');
  }
  return change;
}

function writeCommitEvent(writer: Writer, { gtid, timeMs, changes }: CommitEventMessage): void {
  writer.uint32(10).fork();
  writeText(writer, 10, gtid);
  if (timeMs !== 0) writer.uint32(16).uint64(timeMs);
  for (const change of changes) writeChange(writer, change);
  writer.ldelim();
}

function readCommitEvent(reader: Reader, end: number): CommitEventMessage {
  let gtid = '';
  let timeMs = 0;
  const changes: ChangeMessage[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) gtid = readText(reader);
    else if (tag === 16) timeMs = readUint64(reader, 'time_ms');
    else if (tag === 26) changes.push(readNested(reader, readChange, 'changes', changes.length));
    else skipUnknown(reader, tag);
  }
  return { gtid, timeMs, changes };
}

function writeWatchReply(writer: Writer, { commits, position }: WatchReply): void {
  for (const commit of commits) writeCommitEvent(writer, commit);
  writeText(writer, 18, position);
}

function readWatchReply(reader: Reader, end: number): WatchReply {
  const commits: CommitEventMessage[] = [];
  let position = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) commits.push(readNested(reader, readCommitEvent, 'commits', commits.length));
    else if (tag === 18) position = readText(reader);
    else skipUnknown(reader, tag);
  }
  return { commits, position };
}

export const watchResponse = codec(writeWatchReply, readWatchReply);
