import type { MethodDefinition } from '@grpc/grpc-js';
import type { PeerMethod } from '../peer-transport.js';

/** A view, no copy: grpc-js wants a Buffer, protobufjs may give a plain Uint8Array. */
function asBuffer(message: Uint8Array): Buffer {
  return Buffer.isBuffer(message) ? message : Buffer.from(message.buffer, message.byteOffset, message.length);
}

export type PeerMethodDefinition = MethodDefinition<Uint8Array, Uint8Array>;

function bidirectional(name: string): PeerMethodDefinition {
  return {
    path: `/meridian.v1.Peer/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes) => bytes,
  };
}

/** The service of proto/meridian/v1/peer.proto with its messages passed through as bytes. */
export const peerService: Readonly<Record<PeerMethod, PeerMethodDefinition>> = {
  certify: bidirectional('Certify'),
  entries: bidirectional('Entries'),
  gossip: bidirectional('Gossip'),
};

export const peerMethods: readonly PeerMethod[] = ['certify', 'entries', 'gossip'];

/** Metadata with which an opener introduces itself, and the trailer in which an acceptor says why it closes. */
export const metadataKeys = {
  cluster: 'meridian-cluster',
  from: 'meridian-from',
  to: 'meridian-to',
  closeReason: 'meridian-close-reason',
} as const;
