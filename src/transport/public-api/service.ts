import type { MethodDefinition } from '@grpc/grpc-js';
import { asBuffer } from './wire.js';

/** Messages pass through as bytes; who calls or serves a method encodes and decodes them (codec.ts). */
export type PublicMethodDefinition = MethodDefinition<Uint8Array, Uint8Array>;

export const publicServiceName = 'meridian.v1.Meridian';

const unaryMethods = {
  read: 'Read',
  list: 'List',
  transact: 'Transact',
  begin: 'Begin',
  operate: 'Operate',
  commit: 'Commit',
  rollback: 'Rollback',
  getTransaction: 'GetTransaction',
  getCluster: 'GetCluster',
  getStateHash: 'GetStateHash',
} as const;

export type UnaryMethod = keyof typeof unaryMethods;
export type PublicMethod = UnaryMethod | 'watch' | 'session';

function passingThrough(
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): PublicMethodDefinition {
  return {
    path: `/${publicServiceName}/${name}`,
    requestStream,
    responseStream,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes) => bytes,
    originalName: name[0]!.toLowerCase() + name.slice(1),
  };
}

/** The service of proto/meridian/v1/meridian.proto, written out so that a client need not parse the file. */
export const publicService: Readonly<Record<PublicMethod, PublicMethodDefinition>> = {
  ...(Object.fromEntries(
    Object.entries(unaryMethods).map(([method, name]) => [method, passingThrough(name, false, false)]),
  ) as Record<UnaryMethod, PublicMethodDefinition>),
  watch: passingThrough('Watch', false, true),
  session: passingThrough('Session', true, true),
};
