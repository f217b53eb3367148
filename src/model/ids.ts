import { uuidText, writeUuid } from './uuid.js';

declare const brand: unique symbol;
/** A primitive that must not be mistaken for another of the same type. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type RegionId = Brand<string, 'RegionId'>;
export type NodeId = Brand<string, 'NodeId'>;
export type KeyspaceName = Brand<string, 'KeyspaceName'>;
/** A keyspace's history: a lower-case UUID, minted when the history begins. */
export type KeyspaceId = Brand<string, 'KeyspaceId'>;
/** A UUIDv7, lower-case. Carries the time of its making in its first 48 bits. */
export type TransactionId = Brand<string, 'TransactionId'>;
/** Counts committed transactions of a keyspace: dense, from 1. 0 is the state before the first. */
export type Seqno = Brand<number, 'Seqno'>;
/** Counts log entries of a keyspace: dense, from 0 (the genesis). */
export type LogPosition = Brand<number, 'LogPosition'>;
/** The number of a sequencer's term; it only grows. */
export type Epoch = Brand<number, 'Epoch'>;

const namePattern = /^[a-z][a-z0-9-]{0,62}$/;
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const uuidV7Pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Names of regions, nodes and keyspaces: a lower-case letter, then up to 62 lower-case letters, digits, hyphens. */
export function isName(text: string): boolean {
  return namePattern.test(text);
}

function named<T extends string>(what: string, text: string): Brand<string, T> {
  if (!isName(text))
    throw new RangeError(`${what} must match ${namePattern.source}: ${JSON.stringify(text)}`);
  return text as Brand<string, T>;
}

// These throw a RangeError for what is no name.
export const regionId = (text: string): RegionId => named<'RegionId'>('a region id', text);
export const nodeId = (text: string): NodeId => named<'NodeId'>('a node id', text);
export const keyspaceName = (text: string): KeyspaceName => named<'KeyspaceName'>('a keyspace name', text);

/** Undefined unless `text` is a UUID; upper case is accepted. */
export function parseKeyspaceId(text: string): KeyspaceId | undefined {
  const lower = text.toLowerCase();
  return uuidPattern.test(lower) ? (lower as KeyspaceId) : undefined;
}

/** Undefined unless `text` is a UUIDv7 (RFC 9562); upper case is accepted. */
export function parseTransactionId(text: string): TransactionId | undefined {
  const lower = text.toLowerCase();
  return uuidV7Pattern.test(lower) ? (lower as TransactionId) : undefined;
}

function counted<T extends string>(what: string, value: number): Brand<number, T> {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${what} must be a safe integer ≥ 0: ${value}`);
  return value as Brand<number, T>;
}

// These throw a RangeError for what is no safe integer from 0 on.
export const seqno = (value: number): Seqno => counted<'Seqno'>('a seqno', value);
export const logPosition = (value: number): LogPosition => counted<'LogPosition'>('a position', value);
export const epoch = (value: number): Epoch => counted<'Epoch'>('an epoch', value);

/** The 16 bytes of a UUID. */
export function uuidToBytes(uuid: KeyspaceId | TransactionId): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  writeUuid(uuid, bytes, 0);
  return bytes;
}

/** The text of 16 bytes; no check of the version. */
export function uuidFromBytes(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new RangeError(`a UUID has 16 bytes, not ${bytes.length}`);
  return uuidText(bytes, 0);
}

/** A random (version 4) keyspace id out of 16 random bytes. */
export function mintKeyspaceId(random: Uint8Array): KeyspaceId {
  const bytes = Buffer.from(random.subarray(0, 16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidFromBytes(bytes) as KeyspaceId;
}
