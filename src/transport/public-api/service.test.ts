import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { expect, it } from 'vitest';
import { protoFile, publicProto } from '../proto-files.js';
import { publicService, publicServiceName } from './service.js';

it('the service is that of the proto file', () => {
  const declared = loadSync(protoFile(publicProto))[publicServiceName] as ServiceDefinition;
  const shape = (methods: object) =>
    Object.values(methods as Record<string, MethodDefinition<unknown, unknown>>)
      .map(({ path, requestStream, responseStream }) => ({ path, requestStream, responseStream }))
      .sort((a, b) => a.path.localeCompare(b.path));
  expect(shape(publicService)).toEqual(shape(declared));
});
