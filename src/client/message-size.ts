import type { KeyRange } from '../model/keys.js';
import type { MutationRequest, ReadRequest } from '../model/request.js';
import type { Method } from '../transport/public-api/messages.js';

const callBytes = 256;
const fieldBytes = 32;

/** What a call takes in a message, about and rather too much; of what is small anyway a constant. */
export function estimatedBytes(method: Method): number {
  switch (method.kind) {
    case 'read': {
      let bytes = callBytes;
      for (const key of method.keys) bytes += key.length + fieldBytes;
      return bytes;
    }
    case 'list':
      return callBytes + rangeBytes(method.range);
    case 'transact': {
      let bytes = callBytes + mutationsBytes(method.mutations) + readsBytes(method.reads);
      for (const { key } of method.checks) bytes += key.length + fieldBytes;
      return bytes;
    }
    case 'operate':
      return callBytes + mutationsBytes(method.mutations) + readsBytes(method.reads);
    case 'commit':
      return callBytes + mutationsBytes(method.mutations);
    default:
      return callBytes;
  }
}

function readsBytes(reads: readonly ReadRequest[]): number {
  let bytes = 0;
  for (const read of reads)
    bytes += read.kind === 'key' ? read.key.length + fieldBytes : rangeBytes(read.range);
  return bytes;
}

function rangeBytes({ start, end }: KeyRange): number {
  return 2 * fieldBytes + start.length + (end?.length ?? 0);
}

export function mutationsBytes(mutations: readonly MutationRequest[]): number {
  let bytes = 0;
  for (const mutation of mutations) {
    bytes += fieldBytes;
    if (mutation.kind === 'deleteRange') bytes += rangeBytes(mutation.range);
    else
      bytes +=
        mutation.key.length +
        (mutation.kind === 'set' ? mutation.bytes.length + mutation.contentType.length : 0);
  }
  return bytes;
}
