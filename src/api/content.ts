import { assertNever } from '../model/assert.js';
import type { KeyRange } from '../model/keys.js';
import type { Check, MutationRequest, ReadRequest, TransactRequest } from '../transaction/service.js';

type Piece = Uint8Array | string;

/**
 * What an id stands for, in pieces that no other request shares: counts before lists, kinds before fields. It is taken
 * from the meaning, so the order of fields and the way a value was written do not matter; what belongs to one
 * attempt (causality token, waits) is left out.
 */
export function contentOf(
  request: Pick<TransactRequest, 'isolation' | 'reads' | 'checks' | 'mutations'>,
): Piece[] {
  const pieces: Piece[] = ['meridian/1', request.isolation];
  pieces.push(String(request.reads.length));
  for (const read of request.reads) addRead(pieces, read);
  pieces.push(String(request.checks.length));
  for (const check of request.checks) addCheck(pieces, check);
  pieces.push(String(request.mutations.length));
  for (const mutation of request.mutations) addMutation(pieces, mutation);
  return pieces;
}

function addRange(pieces: Piece[], range: KeyRange): void {
  pieces.push(range.start, range.end === undefined ? 'unbounded' : 'bounded', range.end ?? '');
}

function addRead(pieces: Piece[], read: ReadRequest): void {
  pieces.push(read.kind);
  if (read.kind === 'key') {
    pieces.push(read.key);
    return;
  }
  addRange(pieces, read.range);
  pieces.push(String(read.limit), read.reverse ? 'reverse' : 'forward');
}

function addCheck(pieces: Piece[], { key, expect }: Check): void {
  pieces.push(key, typeof expect === 'string' ? expect : String(expect.version));
}

function addMutation(pieces: Piece[], mutation: MutationRequest): void {
  pieces.push(mutation.kind);
  switch (mutation.kind) {
    case 'set':
      pieces.push(mutation.key, mutation.contentType, String(mutation.ttlMs ?? 0), mutation.bytes);
      return;
    case 'delete':
      pieces.push(mutation.key);
      return;
    case 'deleteRange':
      addRange(pieces, mutation.range);
      return;
    case 'sum':
    case 'min':
    case 'max':
      pieces.push(mutation.key, String(mutation.operand), String(mutation.ttlMs ?? 0));
      return;
    default:
      assertNever(mutation);
  }
}
