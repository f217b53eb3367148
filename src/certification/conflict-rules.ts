import { assertNever } from '../model/assert.js';
import type { Seqno } from '../model/ids.js';
import type { Key, KeyRange } from '../model/keys.js';
import type { Conflict } from '../model/outcome.js';
import type { Effect } from '../model/write-set.js';
import { mergeRanges } from './merged-ranges.js';
import type { CertificationRequest } from './request.js';

/** What the rules ask of the order so far. A seqno of 0: no write that is still known. */
export interface WriteHistory {
  /** The last write of the key: plain, atomic, or a deleted range around it. */
  lastWrite(key: Key): Seqno;
  /** The last write of the key that may have changed its kind: plain, or a deleted range around it. */
  lastPlainWrite(key: Key): Seqno;
  /** The smallest key of the range that was written, or lies in a range deleted, after `after`. */
  firstWrittenAfter(range: KeyRange, after: Seqno): Key | undefined;
}

/**
 * The rules of certification (docs/concepts/certification.md): the first dependency of the request, in the order
 * read keys, read ranges, checks, effects, that was written after `snapshot`; of the read ranges together, or of one deleted range, it is the smallest such key.
 * The winner is the last writer of that key.
 */
export function findConflict(
  history: WriteHistory,
  request: CertificationRequest,
  snapshot: Seqno,
): Conflict | undefined {
  const serializable = request.isolation === 'serializable';
  return (
    (serializable ? findRead(history, request, snapshot) : undefined) ??
    findKey(history, request.checkKeys, snapshot) ??
    findEffect(history, request, snapshot)
  );
}

function findRead(history: WriteHistory, request: CertificationRequest, snapshot: Seqno) {
  const conflict = findKey(history, request.readKeys, snapshot);
  if (conflict !== undefined) return conflict;
  for (const range of mergeRanges(request.readRanges)) {
    const inRange = conflictInRange(history, range, snapshot);
    if (inRange !== undefined) return inRange;
  }
  return undefined;
}

function findKey(history: WriteHistory, keys: readonly Key[], snapshot: Seqno): Conflict | undefined {
  for (const key of keys) {
    const conflict = after(snapshot, key, history.lastWrite(key));
    if (conflict !== undefined) return conflict;
  }
  return undefined;
}

function findEffect(history: WriteHistory, request: CertificationRequest, snapshot: Seqno) {
  const firstCommitterWins = request.isolation === 'snapshot';
  for (const effect of request.effects) {
    const conflict = conflictOfEffect(history, { effect, snapshot, firstCommitterWins });
    if (conflict !== undefined) return conflict;
  }
  return undefined;
}

interface JudgedEffect {
  readonly effect: Effect;
  readonly snapshot: Seqno;
  readonly firstCommitterWins: boolean;
}

function conflictOfEffect(
  history: WriteHistory,
  { effect, snapshot, firstCommitterWins }: JudgedEffect,
): Conflict | undefined {
  switch (effect.kind) {
    case 'plain':
      return firstCommitterWins ? after(snapshot, effect.key, history.lastWrite(effect.key)) : undefined;
    case 'atomic':
      return after(snapshot, effect.key, history.lastPlainWrite(effect.key));
    case 'range':
      return firstCommitterWins ? conflictInRange(history, effect.range, snapshot) : undefined;
    default:
      return assertNever(effect);
  }
}

function conflictInRange(history: WriteHistory, range: KeyRange, snapshot: Seqno): Conflict | undefined {
  const key = history.firstWrittenAfter(range, snapshot);
  return key === undefined ? undefined : { key, winner: history.lastWrite(key) };
}

function after(snapshot: Seqno, key: Key, winner: Seqno): Conflict | undefined {
  return winner > snapshot ? { key, winner } : undefined;
}
