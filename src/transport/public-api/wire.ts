import protobuf from 'protobufjs/minimal.js';
import type { Key } from '../../model/keys.js';

/**
 * The parts that the hand-written codec is made of: protobufjs's Writer and Reader, and what they lack: keys as latin1
 * strings, int64s as bigint, lengths that are checked against the message that they stand in.
 */
export const { Reader, Writer } = protobuf;
export type Reader = protobuf.Reader;
export type Writer = protobuf.Writer;

/** Bytes that are no such message. `field` is the place as the proto file names it: `calls[3].transact.checks[0].key`. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
  readonly field: string;
  readonly complaint: string;

  constructor(field: string, complaint: string, options?: ErrorOptions) {
    super(field === '' ? complaint : `${field}: ${complaint}`, options);
    this.field = field;
    this.complaint = complaint;
  }

  /** The same, seen from the message that `field` is in. */
  inside(field: string): MalformedMessage {
    const separator = this.field === '' || this.field.startsWith('[') ? '' : '.';
    return new MalformedMessage(field + separator + this.field, this.complaint, { cause: this.cause });
  }
}

export interface Codec<M> {
  encode(message: M): Uint8Array;
  /** Throws MalformedMessage. Values of keys are views of `bytes`, which must not change afterwards. */
  decode(bytes: Uint8Array): M;
}

/** Reads fields up to `end`, unknown ones too, and makes the message of them. */
export type ReadFields<M> = (reader: Reader, end: number) => M;

export function codec<M>(write: (writer: Writer, message: M) => void, read: ReadFields<M>): Codec<M> {
  return {
    encode: (message) => {
      const writer = Writer.create();
      write(writer, message);
      return writer.finish();
    },
    decode: (bytes) => {
      const reader = Reader.create(asBuffer(bytes));
      try {
        const message = read(reader, bytes.length);
        if (reader.pos !== bytes.length) throw truncated();
        return message;
      } catch (error) {
        throw asMalformed(error);
      }
    },
  };
}

/** A view, no copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Any error of reading as the one type; protobufjs throws a RangeError for bytes that end too early. */
export function asMalformed(error: unknown): MalformedMessage {
  if (error instanceof MalformedMessage) return error;
  return new MalformedMessage('', 'is no message of this type', { cause: error });
}

export function truncated(): MalformedMessage {
  return new MalformedMessage('', 'ends in the middle of a field');
}

/** Where the length-delimited field ends whose length comes next. */
export function endOf(reader: Reader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw truncated();
  return end;
}

/** A message in a field; `index` of a repeated one. */
export function readNested<M>(reader: Reader, read: ReadFields<M>, field: string, index?: number): M {
  try {
    const end = endOf(reader);
    const message = read(reader, end);
    if (reader.pos !== end) throw truncated();
    return message;
  } catch (error) {
    throw asMalformed(error).inside(index === undefined ? field : `${field}[${index}]`);
  }
}

/** Skips a field of this version or a later one that the reader does not know. */
export function skipUnknown(reader: Reader, tag: number): void {
  if (tag >>> 3 === 0) throw new MalformedMessage('', 'has a field of number 0');
  reader.skipType(tag & 7);
}

export function readKey(reader: Reader): Key {
  const end = endOf(reader);
  const key = (reader.buf as Buffer).toString('latin1', reader.pos, end) as Key;
  reader.pos = end;
  return key;
}

export function readText(reader: Reader): string {
  const end = endOf(reader);
  const text = (reader.buf as Buffer).toString('utf8', reader.pos, end);
  reader.pos = end;
  return text;
}

/** A view. */
export function readBytes(reader: Reader): Uint8Array {
  const end = endOf(reader);
  const bytes = reader.buf.subarray(reader.pos, end);
  reader.pos = end;
  return bytes;
}

/** A uint64 that is a safe integer. */
export function readUint64(reader: Reader, field: string): number {
  const { buf, len } = reader;
  let value = 0;
  let scale = 1;
  for (let left = 10; left > 0; left--) {
    if (reader.pos >= len) throw truncated();
    const byte = buf[reader.pos++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (!Number.isSafeInteger(value)) throw new MalformedMessage(field, 'is beyond 2^53');
      return value;
    }
    scale *= 0x80;
  }
  throw new MalformedMessage(field, 'is no varint');
}

const safeZigzagMax = Number.MAX_SAFE_INTEGER;

/** A sint64, exact over the whole range. */
export function readSint64(reader: Reader): bigint {
  const { buf, len } = reader;
  const start = reader.pos;
  let value = 0;
  let scale = 1;
  for (let left = 10; left > 0; left--) {
    if (reader.pos >= len) throw truncated();
    const byte = buf[reader.pos++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (value <= safeZigzagMax) return BigInt(value % 2 === 0 ? value / 2 : -(value + 1) / 2);
      return largeSint64(buf, start, reader.pos);
    }
    scale *= 0x80;
  }
  throw new MalformedMessage('', 'has no varint where a sint64 has to be');
}

function largeSint64(buf: Uint8Array, start: number, end: number): bigint {
  let zigzag = 0n;
  for (let at = end - 1; at >= start; at--) zigzag = (zigzag << 7n) | BigInt(buf[at]! & 0x7f);
  zigzag = BigInt.asUintN(64, zigzag);
  return (zigzag & 1n) === 0n ? zigzag >> 1n : -((zigzag + 1n) >> 1n);
}

export function writeSint64(writer: Writer, value: bigint): void {
  const number = Number(value);
  if (Number.isSafeInteger(number)) writer.sint64(number);
  else
    writer.sint64({
      low: Number(BigInt.asIntN(32, value)),
      high: Number(BigInt.asIntN(32, value >> 32n)),
      unsigned: false,
    } as unknown as number);
}

/** One byte per char. */
export function writeKey(writer: Writer, key: Key): void {
  writer.bytes(Buffer.from(key, 'latin1'));
}
