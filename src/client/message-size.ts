import type { MutationRequest } from '../model/request.js';
import type { Method } from '../transport/public-api/messages.js';

const callBytes = 64;
const fieldBytes = 16;

/** About what a call takes in a message. Values count in full; what is small anyway counts as a constant. */
export function estimatedBytes(method: Method): number {
  switch (method.kind) {
    case 'read': {
      let bytes = callBytes;
      for (const key of method.keys) bytes += key.length + fieldBytes;
      return bytes;
    }
    case 'transact':
      return (
        callBytes +
        mutationsBytes(method.mutations) +
        (method.checks.length + method.reads.length) * 4 * fieldBytes
      );
    case 'operate':
      return callBytes + mutationsBytes(method.mutations) + method.reads.length * 4 * fieldBytes;
    case 'commit':
      return callBytes + mutationsBytes(method.mutations);
    default:
      return 2 * callBytes;
  }
}

export function mutationsBytes(mutations: readonly MutationRequest[]): number {
  let bytes = 0;
  for (const mutation of mutations) {
    bytes += fieldBytes;
    if (mutation.kind === 'deleteRange') bytes += 2 * fieldBytes + mutation.range.start.length;
    else bytes += mutation.key.length + (mutation.kind === 'set' ? mutation.bytes.length : 0);
  }
  return bytes;
}
