/** What counts of an endpoint when one is chosen. */
export interface Candidate {
  /** Place in the list of endpoints. */
  readonly order: number;
  /** The smallest of the last measurements, ms. */
  readonly roundTripMs: number;
}

/** A difference counts when it is more than this, and more than this part of the longer round trip. */
const savedMsMin = 1;
const savedPartMin = 0.2;
/** What a return to an endpoint that the list prefers may cost. */
const sameMs = 0.5;
/** Rounds of measurement in a row in which a candidate has to be better than the current one. */
export const roundsToMove = 3;

/** The first of those than which none is clearly nearer; undefined of none. */
export function nearest<C extends Candidate>(candidates: readonly C[]): C | undefined {
  let shortest: C | undefined;
  for (const one of candidates) {
    if (shortest === undefined || one.roundTripMs < shortest.roundTripMs) shortest = one;
  }
  if (shortest === undefined) return undefined;
  let first = shortest;
  for (const one of candidates) if (one.order < first.order && !isClearlyNearer(shortest, one)) first = one;
  return first;
}

/** Whether to leave a working endpoint for a candidate: for a clear gain, or for one that the list prefers at no loss. */
export function isWorthMoving(candidate: Candidate, current: Candidate): boolean {
  if (isClearlyNearer(candidate, current)) return true;
  return candidate.order < current.order && candidate.roundTripMs < current.roundTripMs + sameMs;
}

function isClearlyNearer(a: Candidate, b: Candidate): boolean {
  const savedMs = b.roundTripMs - a.roundTripMs;
  return savedMs > savedMsMin && savedMs > b.roundTripMs * savedPartMin;
}
