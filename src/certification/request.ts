import type { Seqno } from '../model/ids.js';
import type { Key, KeyRange } from '../model/keys.js';
import type { Conflict } from '../model/outcome.js';
import type { Effect, Isolation } from '../model/write-set.js';

/** All that certification knows of a transaction. Order and duplicates in the lists do not change the verdict's kind. */
export interface CertificationRequest {
  readonly isolation: Isolation;
  /** The seqno that the transaction read at; may be undefined only when `needsSnapshot` is false. */
  readonly snapshot: Seqno | undefined;
  readonly effects: readonly Effect[];
  readonly readKeys: readonly Key[];
  /** As far as they were scanned: a page that ended early read up to its last key. */
  readonly readRanges: readonly KeyRange[];
  /** Keys of checks that held at the snapshot: certified like reads under both isolation levels. */
  readonly checkKeys: readonly Key[];
}

export type Verdict =
  | { readonly kind: 'commit' }
  | { readonly kind: 'conflict'; readonly conflict: Conflict }
  /** The index no longer knows every commit after the snapshot; `oldest` is the oldest snapshot that it can judge. */
  | { readonly kind: 'snapshot-too-old'; readonly oldest: Seqno }
  /** The snapshot is above the order's `tail`: it is of another history. */
  | { readonly kind: 'snapshot-ahead'; readonly tail: Seqno };

/** What a request depends on: without this the verdict would be the same at every place in the order. */
type Dependencies = Pick<
  CertificationRequest,
  'isolation' | 'effects' | 'readKeys' | 'readRanges' | 'checkKeys'
>;

/**
 * False only for blind plain writes under `serializable`. A deleted range conflicts with nothing there either, yet its
 * work is bounded only relative to a recent snapshot (ADR 0004), so it needs one.
 */
export function needsSnapshot(request: Dependencies): boolean {
  return (
    request.isolation === 'snapshot' ||
    request.readKeys.length > 0 ||
    request.readRanges.length > 0 ||
    request.checkKeys.length > 0 ||
    request.effects.some((effect) => effect.kind !== 'plain')
  );
}
