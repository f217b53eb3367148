import type { FailureMessage } from './messages.js';
import { codec, readBytes, readNested, readText, skipUnknown, type Reader, type Writer } from './wire.js';

/** The trailer that carries a google.rpc.Status. */
export const statusDetailsKey = 'grpc-status-details-bin';
export const errorDomain = 'meridian';

const errorInfoType = 'type.googleapis.com/google.rpc.ErrorInfo';
const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo';

/** An error as gRPC carries it: google.rpc.Status with ErrorInfo and, where a delay helps, RetryInfo. */
export interface StatusDetails {
  /** gRPC's number. */
  readonly grpcStatus: number;
  readonly failure: FailureMessage;
  readonly retryDelayMs: number | undefined;
}

/** Names in the metadata of an ErrorInfo that are not fields of the code. */
const ownNames = ['outcome', 'retry', 'token'] as const;

interface Any {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

type Metadata = Readonly<Record<string, string>>;

/** Metadata values are JSON texts for the code's own fields, plain texts for outcome, retry and token. */
function metadataOf({ outcome, retry, token, detailsJson }: FailureMessage): Metadata {
  const metadata: Record<string, string> = { outcome, retry };
  if (token !== '') metadata['token'] = token;
  const fields = detailsJson === '' ? {} : (JSON.parse(detailsJson) as Record<string, unknown>);
  for (const [name, value] of Object.entries(fields)) metadata[name] = JSON.stringify(value);
  return metadata;
}

function writeErrorInfo(writer: Writer, reason: string, metadata: Metadata): void {
  writer.uint32(10).string(reason).uint32(18).string(errorDomain);
  for (const [key, value] of Object.entries(metadata)) {
    writer.uint32(26).fork().uint32(10).string(key).uint32(18).string(value).ldelim();
  }
}

function writeAny(writer: Writer, typeUrl: string, write: () => void): void {
  writer.uint32(26).fork().uint32(10).string(typeUrl).uint32(18).fork();
  write();
  writer.ldelim().ldelim();
}

function writeStatus(writer: Writer, { grpcStatus, failure, retryDelayMs }: StatusDetails): void {
  writer.uint32(8).int32(grpcStatus).uint32(18).string(failure.message);
  writeAny(writer, errorInfoType, () => writeErrorInfo(writer, failure.code, metadataOf(failure)));
  if (retryDelayMs === undefined) return;
  writeAny(writer, retryInfoType, () => {
    writer.uint32(10).fork();
    writer.uint32(8).int64(Math.floor(retryDelayMs / 1000));
    writer.uint32(16).int32(Math.round((retryDelayMs % 1000) * 1_000_000));
    writer.ldelim();
  });
}

function readStatus(reader: Reader, end: number): StatusDetails | undefined {
  let grpcStatus = 0;
  let message = '';
  const details: Any[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) grpcStatus = reader.int32();
    else if (tag === 18) message = readText(reader);
    else if (tag === 26) details.push(readNested(reader, readAny, 'details', details.length));
    else skipUnknown(reader, tag);
  }
  const info = details.find(({ typeUrl }) => typeUrl === errorInfoType);
  const retry = details.find(({ typeUrl }) => typeUrl === retryInfoType);
  const read = info && errorInfo.decode(info.value);
  if (read?.domain !== errorDomain) return undefined;
  const failure = failureOf(message, read.reason, read.metadata);
  return { grpcStatus, failure, retryDelayMs: retry && retryInfo.decode(retry.value) };
}

function readAny(reader: Reader, end: number): Any {
  let typeUrl = '';
  let value: Uint8Array = Buffer.alloc(0);
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) typeUrl = readText(reader);
    else if (tag === 18) value = readBytes(reader);
    else skipUnknown(reader, tag);
  }
  return { typeUrl, value };
}

function failureOf(message: string, code: string, metadata: Metadata): FailureMessage {
  const { outcome = '', retry = '', token = '' } = metadata;
  const fields = Object.entries(metadata).filter(([name]) => !(ownNames as readonly string[]).includes(name));
  const detailsJson = `{${fields.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
  return { code, message, outcome, retry, token, detailsJson };
}

const errorInfo = codec<{ reason: string; domain: string; metadata: Metadata }>(() => {}, readErrorInfo);

function readErrorInfo(reader: Reader, end: number) {
  let [reason, domain] = ['', ''];
  const metadata: Record<string, string> = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) reason = readText(reader);
    else if (tag === 18) domain = readText(reader);
    else if (tag === 26) {
      const [key, value] = readNested(reader, readMapEntry, 'metadata');
      metadata[key] = value;
    } else skipUnknown(reader, tag);
  }
  return { reason, domain, metadata };
}

function readMapEntry(reader: Reader, end: number): readonly [string, string] {
  let [key, value] = ['', ''];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) key = readText(reader);
    else if (tag === 18) value = readText(reader);
    else skipUnknown(reader, tag);
  }
  return [key, value];
}

const retryInfo = codec<number>(() => {}, readRetryInfo);

function readRetryInfo(reader: Reader, end: number): number {
  let delayMs = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) delayMs = readNested(reader, readDuration, 'retry_delay');
    else skipUnknown(reader, tag);
  }
  return delayMs;
}

function readDuration(reader: Reader, end: number): number {
  let [seconds, nanos] = [0, 0];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) seconds = Number(reader.int64());
    else if (tag === 16) nanos = reader.int32();
    else skipUnknown(reader, tag);
  }
  return seconds * 1000 + nanos / 1_000_000;
}

const statusDetails = codec<StatusDetails | undefined>((writer, details) => {
  if (details !== undefined) writeStatus(writer, details);
}, readStatus);

/** The bytes of a google.rpc.Status. */
export function encodeStatusDetails(details: StatusDetails): Uint8Array {
  return statusDetails.encode(details);
}

/** Undefined when there is no ErrorInfo of this domain: then the status proves nothing. Throws MalformedMessage. */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails | undefined {
  return statusDetails.decode(bytes);
}
