import {
  bytesOf,
  PeerMessageError,
  safeIntegerOf,
  uuidOf,
  uuidOrNoneOf,
  wireType,
  type WireBytes,
  type WireUint64,
} from './wire.js';

/** What a joiner says on a transfer stream, which it opens. */
export type TransferFromJoiner = TransferHello | TransferTaken;

/** What the donor says. */
export type TransferFromDonor = TransferWelcome | TransferChunk | TransferEnd;

export interface TransferHello {
  readonly type: 'hello';
  readonly keyspace: string;
  readonly node: string;
  /** Of the joiner's own older copy; UUID of 16 bytes, or empty when it has none. */
  readonly keyspaceId: Uint8Array;
  readonly position: number;
  readonly hash: Uint8Array;
  /** What is gone on with, 16 bytes; empty: a new transfer. */
  readonly transferId: Uint8Array;
  /** Chunks of it that the joiner holds, and the database key of their last row. */
  readonly chunks: number;
  readonly lastKey: Uint8Array;
}

export interface TransferTaken {
  readonly type: 'taken';
  /** Up to this one they are stored. */
  readonly chunks: number;
  /** The snapshot is needed no more. */
  readonly done: boolean;
}

const ownCopies = ['none', 'prefix', 'different', 'unknown'] as const;
/** What the donor says of the joiner's own older copy. */
export type OwnCopy = (typeof ownCopies)[number];

export interface TransferWelcome {
  readonly type: 'welcome';
  /** 16 bytes; of a refusal empty, as are the other fields of the snapshot. */
  readonly transferId: Uint8Array;
  readonly keyspaceId: Uint8Array;
  readonly position: number;
  readonly seqno: number;
  readonly epoch: number;
  readonly hash: Uint8Array;
  readonly nonce: Uint8Array;
  readonly logTimeMs: number;
  readonly idFloorMs: number;
  readonly replaced: readonly TransferReplaced[];
  readonly bytesEstimate: number;
  readonly ownCopy: OwnCopy;
  readonly resumed: boolean;
  /** Why no chunks follow; empty when they do. */
  readonly refused: string;
}

export interface TransferReplaced {
  readonly keyspaceId: Uint8Array;
  readonly position: number;
  readonly seqno: number;
}

export interface TransferChunk {
  readonly type: 'chunk';
  readonly number: number;
  readonly rows: Uint8Array;
  readonly hash: Uint8Array;
}

export interface TransferEnd {
  readonly type: 'end';
  readonly chunks: number;
  /** Of the chunks on this stream. */
  readonly rows: number;
  readonly bytes: number;
}

interface WireFromJoiner {
  readonly hello?: {
    readonly keyspace: string;
    readonly node: string;
    readonly keyspaceId: WireBytes;
    readonly position: WireUint64;
    readonly hash: WireBytes;
    readonly transferId: WireBytes;
    readonly chunks: WireUint64;
    readonly lastKey: WireBytes;
  } | null;
  readonly taken?: { readonly chunks: WireUint64; readonly done: boolean } | null;
}

interface WireReplaced {
  readonly keyspaceId: WireBytes;
  readonly position: WireUint64;
  readonly seqno: WireUint64;
}

interface WireWelcome {
  readonly transferId: WireBytes;
  readonly keyspaceId: WireBytes;
  readonly position: WireUint64;
  readonly seqno: WireUint64;
  readonly epoch: WireUint64;
  readonly hash: WireBytes;
  readonly nonce: WireBytes;
  readonly logTimeMs: WireUint64;
  readonly idFloorMs: WireUint64;
  readonly replaced: readonly WireReplaced[];
  readonly bytesEstimate: WireUint64;
  readonly ownCopy: number;
  readonly resumed: boolean;
  readonly refused: string;
}

interface WireFromDonor {
  readonly welcome?: WireWelcome | null;
  readonly chunk?: {
    readonly number: WireUint64;
    readonly rows: WireBytes;
    readonly hash: WireBytes;
  } | null;
  readonly end?: {
    readonly chunks: WireUint64;
    readonly rows: WireUint64;
    readonly bytes: WireUint64;
  } | null;
}

const fromJoiner = wireType<WireFromJoiner>('TransferFromJoiner');
const fromDonor = wireType<WireFromDonor>('TransferFromDonor');

export function encodeTransferFromJoiner(message: TransferFromJoiner): Uint8Array {
  return fromJoiner.encode({ [message.type]: message });
}

/** Throws PeerMessageError. Byte fields are views of `bytes`. */
export function decodeTransferFromJoiner(bytes: Uint8Array): TransferFromJoiner {
  const { hello, taken } = fromJoiner.decode(bytes);
  if (taken) {
    const chunks = safeIntegerOf(taken.chunks, 'taken.chunks');
    return { type: 'taken', chunks, done: taken.done };
  }
  if (hello) {
    return {
      type: 'hello',
      keyspace: hello.keyspace,
      node: hello.node,
      keyspaceId: uuidOrNoneOf(hello.keyspaceId, 'hello.keyspace_id'),
      position: safeIntegerOf(hello.position, 'hello.position'),
      hash: bytesOf(hello.hash),
      transferId: uuidOrNoneOf(hello.transferId, 'hello.transfer_id'),
      chunks: safeIntegerOf(hello.chunks, 'hello.chunks'),
      lastKey: bytesOf(hello.lastKey),
    };
  }
  throw new PeerMessageError('a TransferFromJoiner without a known message in it');
}

export function encodeTransferFromDonor(message: TransferFromDonor): Uint8Array {
  if (message.type !== 'welcome') return fromDonor.encode({ [message.type]: message });
  return fromDonor.encode({ welcome: { ...message, ownCopy: 1 + ownCopies.indexOf(message.ownCopy) } });
}

/** Throws PeerMessageError. Byte fields are views of `bytes`. */
export function decodeTransferFromDonor(bytes: Uint8Array): TransferFromDonor {
  const { welcome, chunk, end } = fromDonor.decode(bytes);
  if (chunk) {
    return {
      type: 'chunk',
      number: safeIntegerOf(chunk.number, 'chunk.number'),
      rows: bytesOf(chunk.rows),
      hash: bytesOf(chunk.hash),
    };
  }
  if (welcome) return welcomeOf(welcome);
  if (end) {
    return {
      type: 'end',
      chunks: safeIntegerOf(end.chunks, 'end.chunks'),
      rows: safeIntegerOf(end.rows, 'end.rows'),
      bytes: safeIntegerOf(end.bytes, 'end.bytes'),
    };
  }
  throw new PeerMessageError('a TransferFromDonor without a known message in it');
}

function welcomeOf(wire: WireWelcome): TransferWelcome {
  const ownCopy = ownCopies[wire.ownCopy - 1];
  if (ownCopy === undefined) throw new PeerMessageError(`own_copy is ${wire.ownCopy}`);
  return {
    type: 'welcome',
    transferId: uuidOrNoneOf(wire.transferId, 'welcome.transfer_id'),
    keyspaceId: uuidOrNoneOf(wire.keyspaceId, 'welcome.keyspace_id'),
    position: safeIntegerOf(wire.position, 'welcome.position'),
    seqno: safeIntegerOf(wire.seqno, 'welcome.seqno'),
    epoch: safeIntegerOf(wire.epoch, 'welcome.epoch'),
    hash: bytesOf(wire.hash),
    nonce: bytesOf(wire.nonce),
    logTimeMs: safeIntegerOf(wire.logTimeMs, 'welcome.log_time_ms'),
    idFloorMs: safeIntegerOf(wire.idFloorMs, 'welcome.id_floor_ms'),
    replaced: wire.replaced.map((history) => ({
      keyspaceId: uuidOf(history.keyspaceId, 'replaced.keyspace_id'),
      position: safeIntegerOf(history.position, 'replaced.position'),
      seqno: safeIntegerOf(history.seqno, 'replaced.seqno'),
    })),
    bytesEstimate: safeIntegerOf(wire.bytesEstimate, 'welcome.bytes_estimate'),
    ownCopy,
    resumed: wire.resumed,
    refused: wire.refused,
  };
}
