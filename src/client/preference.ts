/** What counts of an endpoint when one is chosen. */
export interface Candidate {
  /** Place in the list of endpoints. */
  readonly order: number;
  /** The smallest of the last measurements, ms. */
  readonly roundTripMs: number;
}

/** Round trips that differ by less are the same: the earlier endpoint of the list is preferred. */
const sameMs = 0.5;
/** A candidate is clearly nearer when it saves this much, and this part. */
const savedMsMin = 1;
const savedPartMin = 0.2;
/** Rounds of measurement in a row in which a candidate has to be better than the current one. */
export const roundsToMove = 3;

/** The nearest, or undefined of none. */
export function nearest<C extends Candidate>(candidates: readonly C[]): C | undefined {
  let best: C | undefined;
  for (const candidate of candidates) if (best === undefined || isNearer(candidate, best)) best = candidate;
  return best;
}

/** Whether to leave a working endpoint for a candidate: only for a clear gain, or one that the list prefers at no loss. */
export function isWorthMoving(candidate: Candidate, current: Candidate): boolean {
  const savedMs = current.roundTripMs - candidate.roundTripMs;
  if (savedMs > savedMsMin && savedMs > current.roundTripMs * savedPartMin) return true;
  return candidate.order < current.order && savedMs > -sameMs;
}

function isNearer(a: Candidate, b: Candidate): boolean {
  const apartMs = a.roundTripMs - b.roundTripMs;
  return Math.abs(apartMs) < sameMs ? a.order < b.order : apartMs < 0;
}
