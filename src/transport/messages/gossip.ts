import {
  bytesOf,
  PeerMessageError,
  safeIntegerOf,
  uuidOrNoneOf,
  wireType,
  type WireBytes,
  type WireUint64,
} from './wire.js';

/** What nodes tell each other about themselves, in both directions of a gossip stream. */
export type GossipMessage = GossipStatus | Pong;

export interface GossipStatus {
  readonly type: 'status';
  readonly node: string;
  readonly region: string;
  readonly wallMs: number;
  /** Echoed by the Pong. */
  readonly ping: number;
  readonly limitsFingerprint: Uint8Array;
  readonly keyspaces: readonly KeyspaceStatus[];
}

export interface KeyspaceStatus {
  readonly name: string;
  /** UUID of 16 bytes, or empty when the node has no history of it yet. */
  readonly keyspaceId: Uint8Array;
  readonly state: string;
  readonly position: number;
  readonly seqno: number;
  readonly hash: Uint8Array;
  readonly epoch: number;
  readonly sequencing: boolean;
  readonly detail: string;
  /** Of the consistency check that it took part in last; empty: none since it started. */
  readonly checkMark: string;
  readonly checkPosition: number;
  /** SHA-256, or empty while it is computed. */
  readonly checkHash: Uint8Array;
  /** The highest durable position that a sequencer has told it, applied or not; 0: none. */
  readonly seenPosition: number;
  /** A log that nodes share could be restored from its copy, whether or not that is of the log's history. */
  readonly restorable: boolean;
}

export interface Pong {
  readonly type: 'pong';
  readonly ping: number;
  readonly wallMs: number;
}

interface WireKeyspaceStatus {
  readonly name: string;
  readonly keyspaceId: WireBytes;
  readonly state: string;
  readonly position: WireUint64;
  readonly seqno: WireUint64;
  readonly hash: WireBytes;
  readonly epoch: WireUint64;
  readonly sequencing: boolean;
  readonly detail: string;
  readonly checkMark: string;
  readonly checkPosition: WireUint64;
  readonly checkHash: WireBytes;
  readonly seenPosition: WireUint64;
  readonly restorable: boolean;
}

interface WireGossipMessage {
  readonly status?: {
    readonly node: string;
    readonly region: string;
    readonly wallMs: WireUint64;
    readonly ping: WireUint64;
    readonly limitsFingerprint: WireBytes;
    readonly keyspaces: readonly WireKeyspaceStatus[];
  } | null;
  readonly pong?: { readonly ping: WireUint64; readonly wallMs: WireUint64 } | null;
}

const gossip = wireType<WireGossipMessage>('GossipMessage');

export function encodeGossipMessage(message: GossipMessage): Uint8Array {
  return gossip.encode({ [message.type]: message });
}

/** Throws PeerMessageError. Byte fields are views of `bytes`. */
export function decodeGossipMessage(bytes: Uint8Array): GossipMessage {
  const { status, pong } = gossip.decode(bytes);
  if (status) {
    return {
      type: 'status',
      node: status.node,
      region: status.region,
      wallMs: safeIntegerOf(status.wallMs, 'status.wall_ms'),
      ping: safeIntegerOf(status.ping, 'status.ping'),
      limitsFingerprint: bytesOf(status.limitsFingerprint),
      keyspaces: status.keyspaces.map(keyspaceStatusOf),
    };
  }
  if (pong) {
    return {
      type: 'pong',
      ping: safeIntegerOf(pong.ping, 'pong.ping'),
      wallMs: safeIntegerOf(pong.wallMs, 'pong.wall_ms'),
    };
  }
  throw new PeerMessageError('a GossipMessage without a known message in it');
}

function keyspaceStatusOf(wire: WireKeyspaceStatus): KeyspaceStatus {
  return {
    name: wire.name,
    keyspaceId: uuidOrNoneOf(wire.keyspaceId, 'status.keyspace_id'),
    state: wire.state,
    position: safeIntegerOf(wire.position, 'status.position'),
    seqno: safeIntegerOf(wire.seqno, 'status.seqno'),
    hash: bytesOf(wire.hash),
    epoch: safeIntegerOf(wire.epoch, 'status.epoch'),
    sequencing: wire.sequencing,
    detail: wire.detail,
    checkMark: wire.checkMark,
    checkPosition: safeIntegerOf(wire.checkPosition, 'status.check_position'),
    checkHash: bytesOf(wire.checkHash),
    seenPosition: safeIntegerOf(wire.seenPosition, 'status.seen_position'),
    restorable: wire.restorable,
  };
}
