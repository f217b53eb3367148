import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { PeerMethod } from '../peer-transport.js';
import { peerProto, protoFile } from '../proto-files.js';

/** A view, no copy: grpc-js wants a Buffer, protobufjs may give a plain Uint8Array. */
function asBuffer(message: Uint8Array): Buffer {
  return Buffer.isBuffer(message) ? message : Buffer.from(message.buffer, message.byteOffset, message.length);
}

export type PeerMethodDefinition = MethodDefinition<Uint8Array, Uint8Array>;

const definition = loadSync(protoFile(peerProto))['meridian.v1.Peer'] as ServiceDefinition;

/** A method as the proto file declares it, with its messages passed through as bytes: roles decode them themselves. */
function passingThrough(name: string): PeerMethodDefinition {
  const declared = definition[name];
  if (declared === undefined) throw new Error(`${peerProto} declares no method ${name}`);
  return {
    ...declared,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes) => bytes,
  };
}

/** The service of proto/meridian/v1/peer.proto. */
export const peerService: Readonly<Record<PeerMethod, PeerMethodDefinition>> = {
  certify: passingThrough('Certify'),
  entries: passingThrough('Entries'),
  gossip: passingThrough('Gossip'),
  transfer: passingThrough('Transfer'),
};

export const peerMethods: readonly PeerMethod[] = ['certify', 'entries', 'gossip', 'transfer'];

/** Metadata with which an opener introduces itself, and the trailer in which an acceptor says why it closes. */
export const metadataKeys = {
  cluster: 'meridian-cluster',
  from: 'meridian-from',
  to: 'meridian-to',
  closeReason: 'meridian-close-reason',
} as const;
