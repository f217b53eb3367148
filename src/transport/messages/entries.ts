import {
  bytesOf,
  PeerMessageError,
  safeIntegerOf,
  uuidOrNoneOf,
  wireType,
  type WireBytes,
  type WireUint64,
} from './wire.js';

/** What a follower says on an entries stream, which it opens. */
export type EntriesFromFollower = EntriesHello | Applied;

/** What the followed node says. */
export type EntriesFromSource = EntriesWelcome | EntryBatch | EntriesHeartbeat;

export interface EntriesHello {
  readonly type: 'hello';
  readonly keyspace: string;
  readonly node: string;
  /** UUID of 16 bytes, or empty when the follower has no history yet. */
  readonly keyspaceId: Uint8Array;
  /** The first position that is missing. */
  readonly nextPosition: number;
  /** Chain hash of the entry before `nextPosition`. */
  readonly hash: Uint8Array;
}

export interface Applied {
  readonly type: 'applied';
  readonly position: number;
  readonly seqno: number;
}

export interface EntriesWelcome {
  readonly type: 'welcome';
  /** UUID of 16 bytes, or empty when the source has no history. */
  readonly keyspaceId: Uint8Array;
  readonly position: number;
  readonly seqno: number;
  readonly hash: Uint8Array;
  /** Why no entries follow; empty when they do. */
  readonly refused: string;
}

export interface EntryBatch {
  readonly type: 'entries';
  /** Encoded log entries, dense and in order. */
  readonly entries: readonly Uint8Array[];
}

export interface EntriesHeartbeat {
  readonly type: 'heartbeat';
  readonly position: number;
  readonly seqno: number;
  readonly wallMs: number;
}

interface WirePlace {
  readonly position: WireUint64;
  readonly seqno: WireUint64;
}

interface WireFromFollower {
  readonly hello?: {
    readonly keyspace: string;
    readonly node: string;
    readonly keyspaceId: WireBytes;
    readonly nextPosition: WireUint64;
    readonly hash: WireBytes;
  } | null;
  readonly applied?: WirePlace | null;
}

interface WireFromSource {
  readonly welcome?:
    | (WirePlace & { readonly keyspaceId: WireBytes; readonly hash: WireBytes; readonly refused: string })
    | null;
  readonly entries?: { readonly entries: readonly WireBytes[] } | null;
  readonly heartbeat?: (WirePlace & { readonly wallMs: WireUint64 }) | null;
}

const fromFollower = wireType<WireFromFollower>('EntriesFromFollower');
const fromSource = wireType<WireFromSource>('EntriesFromSource');

export function encodeEntriesFromFollower(message: EntriesFromFollower): Uint8Array {
  return fromFollower.encode({ [message.type]: message });
}

/** Throws PeerMessageError. Byte fields are views of `bytes`. */
export function decodeEntriesFromFollower(bytes: Uint8Array): EntriesFromFollower {
  const { hello, applied } = fromFollower.decode(bytes);
  if (applied) {
    return {
      type: 'applied',
      position: safeIntegerOf(applied.position, 'applied.position'),
      seqno: safeIntegerOf(applied.seqno, 'applied.seqno'),
    };
  }
  if (hello) {
    return {
      type: 'hello',
      keyspace: hello.keyspace,
      node: hello.node,
      keyspaceId: uuidOrNoneOf(hello.keyspaceId, 'hello.keyspace_id'),
      nextPosition: safeIntegerOf(hello.nextPosition, 'hello.next_position'),
      hash: bytesOf(hello.hash),
    };
  }
  throw new PeerMessageError('an EntriesFromFollower without a known message in it');
}

export function encodeEntriesFromSource(message: EntriesFromSource): Uint8Array {
  return fromSource.encode({ [message.type]: message });
}

/** Throws PeerMessageError. Byte fields are views of `bytes`. */
export function decodeEntriesFromSource(bytes: Uint8Array): EntriesFromSource {
  const { welcome, entries, heartbeat } = fromSource.decode(bytes);
  if (entries) return { type: 'entries', entries: entries.entries.map(bytesOf) };
  if (heartbeat) {
    return {
      type: 'heartbeat',
      position: safeIntegerOf(heartbeat.position, 'heartbeat.position'),
      seqno: safeIntegerOf(heartbeat.seqno, 'heartbeat.seqno'),
      wallMs: safeIntegerOf(heartbeat.wallMs, 'heartbeat.wall_ms'),
    };
  }
  if (welcome) {
    return {
      type: 'welcome',
      keyspaceId: uuidOrNoneOf(welcome.keyspaceId, 'welcome.keyspace_id'),
      position: safeIntegerOf(welcome.position, 'welcome.position'),
      seqno: safeIntegerOf(welcome.seqno, 'welcome.seqno'),
      hash: bytesOf(welcome.hash),
      refused: welcome.refused,
    };
  }
  throw new PeerMessageError('an EntriesFromSource without a known message in it');
}
