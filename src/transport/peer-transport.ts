import type { NodeId } from '../model/ids.js';

/**
 * What the nodes say to each other travels on four kinds of streams (see proto/meridian/v1/protocol.md): `certify` is
 * opened by a keyspace's sequencer to every node, `entries` by a follower to the node it follows, `gossip` by every node
 * to every other, `transfer` by a joiner to the node whose snapshot it takes. Bulk flows from the accepting side to the opening side (ADR 0003).
 */
export type PeerMethod = 'certify' | 'entries' | 'gossip' | 'transfer';

/** A bidirectional stream of whole messages. Ordered and reliable until it closes; what is in flight then is lost. */
export interface PeerStream {
  /**
   * Queues one encoded message, which the stream owns from here on. False when the queue is above its high-water mark:
   * the caller then waits for `drained` before it sends bulk. After the close it does nothing and returns false.
   */
  send(message: Uint8Array): boolean;
  /** Resolves when the queue is below its mark again, and when the stream is closed. */
  drained(): Promise<void>;
  /** One listener: another takes its place. Messages that arrive before one is set wait for it. */
  onMessage(listener: (message: Uint8Array) => void): void;
  /** Stops and resumes reading; the other side's `send` then meets its high-water mark. */
  pause(): void;
  resume(): void;
  /** One listener, called once, also when it is set after the close. */
  onClose(listener: (reason: string) => void): void;
  /** Closes both directions; messages that were sent before may still arrive. */
  close(reason: string): void;
}

export interface PeerTransport {
  /** Opens a stream to another node or to this one. Returns at once; a failure is a close. No retries. */
  open(to: NodeId, method: PeerMethod): PeerStream;
  /**
   * Whether a node's machine says that nothing listens at the node's address: its process does not run. False when that cannot
   * be said, and soon. Left out by a transport that cannot tell.
   */
  isDown?(node: NodeId): Promise<boolean>;
  /** Streams that other nodes (and this one) open here. One acceptor per method, set before `start`. */
  accept(method: PeerMethod, acceptor: (stream: PeerStream, from: NodeId) => void): void;
  start(): Promise<void>;
  /** Closes every stream and stops listening. */
  stop(): Promise<void>;
}
