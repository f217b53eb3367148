import { assertNever } from '../../model/assert.js';
import type {
  FailureMessage,
  Pong,
  Reply,
  ReplyResult,
  SessionResponse,
  SessionWelcome,
} from './messages.js';
import {
  readBeginReply,
  readCommitReply,
  readListReply,
  readOperateReply,
  readReadReply,
  readStateReply,
  readTransactReply,
  writeBeginReply,
  writeCommitReply,
  writeListReply,
  writeOperateReply,
  writeReadReply,
  writeStateReply,
  writeText,
  writeTransactReply,
} from './replies.js';
import {
  codec,
  MalformedMessage,
  readNested,
  readText,
  readUint64,
  skipUnknown,
  type Reader,
  type Writer,
} from './wire.js';

function writeReply(writer: Writer, { id, result }: Reply): void {
  if (id !== 0) writer.uint32(8).uint32(id);
  writeResult(writer, result);
  writer.ldelim();
}

function writeResult(writer: Writer, result: ReplyResult): void {
  switch (result.kind) {
    case 'failure':
      writeFailure(writer.uint32(18).fork(), result.failure);
      break;
    case 'read':
      writeReadReply(writer.uint32(26).fork(), result.reply);
      break;
    case 'list':
      writeListReply(writer.uint32(34).fork(), result.reply);
      break;
    case 'transact':
      writeTransactReply(writer.uint32(42).fork(), result.reply);
      break;
    case 'begin':
      writeBeginReply(writer.uint32(50).fork(), result.reply);
      break;
    case 'operate':
      writeOperateReply(writer.uint32(58).fork(), result.reply);
      break;
    case 'commit':
      writeCommitReply(writer.uint32(66).fork(), result.reply);
      break;
    case 'state':
      writeStateReply(writer.uint32(74).fork(), result.reply);
      break;
    case 'pong':
      writePong(writer.uint32(82).fork(), result.reply);
      break;
    default:
      assertNever(result);
  }
  writer.ldelim();
}

function readReply(reader: Reader, end: number): Reply {
  let id = 0;
  let result: ReplyResult | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) id = reader.uint32();
    else result = readResult(reader, tag) ?? result;
  }
  if (result === undefined) throw new MalformedMessage('', 'a result is required');
  return { id, result };
}

function readResult(reader: Reader, tag: number): ReplyResult | undefined {
  switch (tag) {
    case 18:
      return { kind: 'failure', failure: readNested(reader, readFailure, 'failure') };
    case 26:
      return { kind: 'read', reply: readNested(reader, readReadReply, 'read') };
    case 34:
      return { kind: 'list', reply: readNested(reader, readListReply, 'list') };
    case 42:
      return { kind: 'transact', reply: readNested(reader, readTransactReply, 'transact') };
    case 50:
      return { kind: 'begin', reply: readNested(reader, readBeginReply, 'begin') };
    case 58:
      return { kind: 'operate', reply: readNested(reader, readOperateReply, 'operate') };
    case 66:
      return { kind: 'commit', reply: readNested(reader, readCommitReply, 'commit') };
    case 74:
      return { kind: 'state', reply: readNested(reader, readStateReply, 'state') };
    case 82:
      return { kind: 'pong', reply: readNested(reader, readPong, 'pong') };
    default:
      skipUnknown(reader, tag);
      return undefined;
  }
}

function writeFailure(writer: Writer, failure: FailureMessage): void {
  writeText(writer, 10, failure.code);
  writeText(writer, 18, failure.message);
  writeText(writer, 26, failure.outcome);
  writeText(writer, 34, failure.retry);
  writeText(writer, 42, failure.token);
  writeText(writer, 50, failure.detailsJson);
}

function readFailure(reader: Reader, end: number): FailureMessage {
  let [code, message, outcome, retry, token, detailsJson] = ['', '', '', '', '', ''];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) code = readText(reader);
    else if (tag === 18) message = readText(reader);
    else if (tag === 26) outcome = readText(reader);
    else if (tag === 34) retry = readText(reader);
    else if (tag === 42) token = readText(reader);
    else if (tag === 50) detailsJson = readText(reader);
    else skipUnknown(reader, tag);
  }
  return { code, message, outcome, retry, token, detailsJson };
}

function writePong(writer: Writer, { serverTimeMs, serving }: Pong): void {
  if (serverTimeMs !== 0) writer.uint32(8).uint64(serverTimeMs);
  if (serving) writer.uint32(16).bool(true);
}

function readPong(reader: Reader, end: number): Pong {
  let serverTimeMs = 0;
  let serving = false;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) serverTimeMs = readUint64(reader, 'server_time_ms');
    else if (tag === 16) serving = reader.bool();
    else skipUnknown(reader, tag);
  }
  return { serverTimeMs, serving };
}

function writeWelcome(writer: Writer, welcome: SessionWelcome): void {
  writeText(writer, 10, welcome.cluster);
  writeText(writer, 18, welcome.node);
  writeText(writer, 26, welcome.region);
  if (welcome.serverTimeMs !== 0) writer.uint32(32).uint64(welcome.serverTimeMs);
  if (welcome.callsMax !== 0) writer.uint32(40).uint32(welcome.callsMax);
  writer.ldelim();
}

function readWelcome(reader: Reader, end: number): SessionWelcome {
  let [cluster, node, region] = ['', '', ''];
  let [serverTimeMs, callsMax] = [0, 0];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) cluster = readText(reader);
    else if (tag === 18) node = readText(reader);
    else if (tag === 26) region = readText(reader);
    else if (tag === 32) serverTimeMs = readUint64(reader, 'server_time_ms');
    else if (tag === 40) callsMax = reader.uint32();
    else skipUnknown(reader, tag);
  }
  return { cluster, node, region, serverTimeMs, callsMax };
}

function writeSessionResponse(writer: Writer, { welcome, replies }: SessionResponse): void {
  if (welcome !== undefined) writeWelcome(writer.uint32(10).fork(), welcome);
  for (const reply of replies) writeReply(writer.uint32(18).fork(), reply);
}

function readSessionResponse(reader: Reader, end: number): SessionResponse {
  let welcome: SessionWelcome | undefined;
  const replies: Reply[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) welcome = readNested(reader, readWelcome, 'welcome');
    else if (tag === 18) replies.push(readNested(reader, readReply, 'replies', replies.length));
    else skipUnknown(reader, tag);
  }
  return { welcome, replies };
}

export const sessionResponse = codec(writeSessionResponse, readSessionResponse);
