import { assertNever } from '../../model/assert.js';
import type { Call, Method, SessionRequest } from './messages.js';
import {
  readBeginRequest,
  readCommitRequest,
  readListRequest,
  readOperateRequest,
  readReadRequest,
  readTransactionRequest,
  readTransactRequest,
  writeBeginRequest,
  writeCommitRequest,
  writeListRequest,
  writeOperateRequest,
  writeReadRequest,
  writeTransactionRequest,
  writeTransactRequest,
} from './requests.js';
import {
  asBuffer,
  asMalformed,
  codec,
  endOf,
  MalformedMessage,
  Reader,
  readNested,
  skipUnknown,
  truncated,
  type Writer,
} from './wire.js';

function writeCall(writer: Writer, { id, timeoutMs, method }: Call): void {
  if (id !== 0) writer.uint32(8).uint32(id);
  if (timeoutMs !== 0) writer.uint32(16).uint32(timeoutMs);
  writeMethod(writer, method);
  writer.ldelim();
}

/** Leaves the method's message open. */
function writeMethod(writer: Writer, method: Method): void {
  switch (method.kind) {
    case 'read':
      writeReadRequest(writer.uint32(26).fork(), method);
      break;
    case 'list':
      writeListRequest(writer.uint32(34).fork(), method);
      break;
    case 'transact':
      writeTransactRequest(writer.uint32(42).fork(), method);
      break;
    case 'begin':
      writeBeginRequest(writer.uint32(50).fork(), method);
      break;
    case 'operate':
      writeOperateRequest(writer.uint32(58).fork(), method);
      break;
    case 'commit':
      writeCommitRequest(writer.uint32(66).fork(), method);
      break;
    case 'rollback':
      writeTransactionRequest(writer.uint32(74).fork(), method);
      break;
    case 'getTransaction':
      writeTransactionRequest(writer.uint32(82).fork(), method);
      break;
    case 'ping':
      writer.uint32(90).fork();
      break;
    case 'cancel':
      writer.uint32(98).fork();
      if (method.id !== 0) writer.uint32(8).uint32(method.id);
      break;
    default:
      assertNever(method);
  }
  writer.ldelim();
}

function readCall(reader: Reader, end: number): Call {
  let id = 0;
  let timeoutMs = 0;
  let method: Method | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) id = reader.uint32();
    else if (tag === 16) timeoutMs = reader.uint32();
    else method = readMethod(reader, tag) ?? method;
  }
  if (method === undefined) throw new MalformedMessage('', 'a method is required');
  return { id, timeoutMs, method };
}

function readMethod(reader: Reader, tag: number): Method | undefined {
  switch (tag) {
    case 26:
      return { kind: 'read', ...readNested(reader, readReadRequest, 'read') };
    case 34:
      return { kind: 'list', ...readNested(reader, readListRequest, 'list') };
    case 42:
      return { kind: 'transact', ...readNested(reader, readTransactRequest, 'transact') };
    case 50:
      return { kind: 'begin', ...readNested(reader, readBeginRequest, 'begin') };
    case 58:
      return { kind: 'operate', ...readNested(reader, readOperateRequest, 'operate') };
    case 66:
      return { kind: 'commit', ...readNested(reader, readCommitRequest, 'commit') };
    case 74:
      return { kind: 'rollback', ...readNested(reader, readTransactionRequest, 'rollback') };
    case 82:
      return { kind: 'getTransaction', ...readNested(reader, readTransactionRequest, 'get_transaction') };
    case 90:
      return readNested(reader, readPing, 'ping');
    case 98:
      return readNested(reader, readCancel, 'cancel');
    default:
      skipUnknown(reader, tag);
      return undefined;
  }
}

function readPing(reader: Reader, end: number): Method {
  while (reader.pos < end) skipUnknown(reader, reader.uint32());
  return { kind: 'ping' };
}

function readCancel(reader: Reader, end: number): Method {
  let id = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) id = reader.uint32();
    else skipUnknown(reader, tag);
  }
  return { kind: 'cancel', id };
}

function writeSessionRequest(writer: Writer, { calls }: SessionRequest): void {
  for (const call of calls) writeCall(writer.uint32(10).fork(), call);
}

function readSessionRequest(reader: Reader, end: number): SessionRequest {
  const calls: Call[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) calls.push(readNested(reader, readCall, 'calls', calls.length));
    else skipUnknown(reader, tag);
  }
  return { calls };
}

/** Decoding throws for the whole message when one call is malformed; a server rather reads it with `decodeCalls`. */
export const sessionRequest = codec(writeSessionRequest, readSessionRequest);

/** A call that cannot be understood, but can be answered. */
export interface MalformedCall {
  readonly id: number;
  readonly method: MalformedMessage;
}

/** The calls of a SessionRequest. Throws MalformedMessage when not even their ids can be told, or they are too many. */
export function decodeCalls(bytes: Uint8Array, callsMax: number): (Call | MalformedCall)[] {
  const calls: (Call | MalformedCall)[] = [];
  const reader = Reader.create(asBuffer(bytes));
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag !== 10) skipUnknown(reader, tag);
      else if (calls.length < callsMax) calls.push(readAnswerableCall(reader));
      else throw new MalformedMessage('', `more than ${callsMax} calls in one message`);
    }
    return calls;
  } catch (error) {
    throw asMalformed(error).inside(`calls[${calls.length}]`);
  }
}

function readAnswerableCall(reader: Reader): Call | MalformedCall {
  const end = endOf(reader);
  const start = reader.pos;
  try {
    const call = readCall(reader, end);
    if (reader.pos !== end) throw truncated();
    return call;
  } catch (error) {
    const malformed = asMalformed(error);
    reader.pos = start;
    const id = readCallId(reader, end);
    reader.pos = end;
    return { id, method: malformed };
  }
}

function readCallId(reader: Reader, end: number): number {
  let id = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) id = reader.uint32();
    else skipUnknown(reader, tag);
  }
  if (reader.pos !== end) throw truncated();
  return id;
}
