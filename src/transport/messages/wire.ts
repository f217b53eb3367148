import protobuf from 'protobufjs';
import { peerProto, protoFile } from '../proto-files.js';
import { PeerMessageError } from './peer-message-error.js';

export { PeerMessageError };

/** What protobufjs makes of a uint64: a Long, or a number where the `long` package is missing. */
export type WireUint64 = number | { toNumber(): number };

/** A decoded message before its shape is narrowed: absent fields come from the prototype, bytes then as an empty array. */
export type WireBytes = Uint8Array | readonly never[];

const root = protobuf.loadSync(protoFile(peerProto));

export interface WireType<Wire> {
  encode(message: object): Uint8Array;
  /** The result's byte fields are views of `bytes`, which must not change afterwards. */
  decode(bytes: Uint8Array): Wire;
}

/** Encodes and decodes the message type `meridian.v1.<name>`. `Wire` describes its fields as protobufjs names them. */
export function wireType<Wire>(name: string): WireType<Wire> {
  const type = root.lookupType(`meridian.v1.${name}`);
  return {
    encode: (message) => type.encode(message).finish(),
    decode: (bytes) => {
      try {
        return type.decode(bytes) as unknown as Wire;
      } catch (error) {
        throw new PeerMessageError(`malformed ${name}: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}

const noBytes = new Uint8Array(0);

export function bytesOf(value: WireBytes): Uint8Array {
  return value.length === 0 ? noBytes : (value as Uint8Array);
}

/** A UUID of 16 bytes. */
export function uuidOf(value: WireBytes, field: string): Uint8Array {
  if (value.length !== 16) throw new PeerMessageError(`${field} has ${value.length} bytes instead of 16`);
  return value as Uint8Array;
}

/** A UUID of 16 bytes, or none: empty. */
export function uuidOrNoneOf(value: WireBytes, field: string): Uint8Array {
  return value.length === 0 ? noBytes : uuidOf(value, field);
}

export function safeIntegerOf(value: WireUint64, field: string): number {
  const number = typeof value === 'number' ? value : value.toNumber();
  if (!Number.isSafeInteger(number)) throw new PeerMessageError(`${field} is beyond 2^53`);
  return number;
}
