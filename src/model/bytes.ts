import { uuidText, writeUuid } from './uuid.js';

/** Bytes that are not what their format says. `what` names the field. */
export class MalformedBytes extends Error {
  override readonly name = 'MalformedBytes';
}

/** Appends fields to a growing buffer. Integers are big-endian, varints LEB128. */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(sizeHint = 256) {
    this.#buffer = Buffer.allocUnsafe(sizeHint);
  }

  get length(): number {
    return this.#length;
  }

  /** Where the next `count` bytes go. HAZARD: may replace the buffer, so call it before naming `this.#buffer`. */
  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  /** A safe integer ≥ 0 in 8 bytes. */
  u64(value: number): this {
    const at = this.#reserve(8);
    this.#buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
    this.#buffer.writeUInt32BE(value % 0x1_0000_0000, at + 4);
    return this;
  }

  i64(value: bigint): this {
    const at = this.#reserve(8);
    this.#buffer.writeBigInt64BE(value, at);
    return this;
  }

  /** A safe integer ≥ 0 in 1 to 8 bytes. */
  varint(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  /** The 16 bytes of a UUID in lower case. */
  uuid(text: string): this {
    const at = this.#reserve(16);
    writeUuid(text, this.#buffer, at);
    return this;
  }

  /** Length as a varint, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** A latin1 string (keys and ASCII names): length as a varint, then one byte per char. */
  latin1(text: string): this {
    return this.varint(text.length).rawLatin1(text);
  }

  /** A latin1 string without its length. */
  rawLatin1(text: string): this {
    const at = this.#reserve(text.length);
    this.#buffer.write(text, at, text.length, 'latin1');
    return this;
  }

  /** Overwrites 4 bytes that were written before. */
  patchU32(at: number, value: number): this {
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  /** The bytes written so far. They share memory with the writer, which must not be used after this. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** Reads what ByteWriter wrote; every method throws MalformedBytes when the bytes end too early. */
export class ByteReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array, from = 0) {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = from;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count < 0 || at + count > this.#buffer.length) {
      throw new MalformedBytes(`${count} bytes wanted at ${at} of ${this.#buffer.length}`);
    }
    this.#at = at + count;
    return at;
  }

  u8(): number {
    return this.#buffer[this.#take(1)]!;
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  u64(): number {
    const at = this.#take(8);
    const value = this.#buffer.readUInt32BE(at) * 0x1_0000_0000 + this.#buffer.readUInt32BE(at + 4);
    if (!Number.isSafeInteger(value)) throw new MalformedBytes(`integer above 2^53 at ${at}`);
    return value;
  }

  i64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedBytes(`varint too long before ${this.#at}`);
  }

  /** A view of the next `count` bytes, which shares the input's memory. */
  raw(count: number): Buffer {
    const at = this.#take(count);
    return this.#buffer.subarray(at, at + count);
  }

  /** The text of 16 bytes; no check of the version. */
  uuid(): string {
    return uuidText(this.#buffer, this.#take(16));
  }

  bytes(): Buffer {
    return this.raw(this.varint());
  }

  latin1(): string {
    const length = this.varint();
    const at = this.#take(length);
    return this.#buffer.toString('latin1', at, at + length);
  }

  /** Throws unless everything has been read. */
  end(what: string): void {
    if (this.remaining !== 0) throw new MalformedBytes(`${this.remaining} bytes too many after ${what}`);
  }
}
