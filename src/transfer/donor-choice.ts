import type { KeyspaceId, NodeId } from '../model/ids.js';

/** A node that could give a copy, as it last said of itself. */
export interface DonorCandidate {
  readonly node: NodeId;
  readonly keyspaceId: KeyspaceId;
  readonly position: number;
}

export interface Choice {
  readonly node: NodeId;
  readonly keyspaceId: KeyspaceId;
  /** Whether it is asked to go on with the copy that was begun, or to begin a new one. */
  readonly resume: boolean;
}

/** A copy that is going on; `donor` is not known of one that was begun before a restart. */
export interface Begun {
  readonly donor: NodeId | undefined;
  readonly keyspaceId: KeyspaceId;
}

/** Tries to go on with one donor, without a chunk stored in between, before another is begun anew with. */
const resumeTriesMax = 5;
/** What a donor that cannot be believed counts like in failures. */
const untrueWeight = 10;

/** Which node is asked next: the copy's own donor as long as that may help, else the one that failed least. */
export class DonorChoice {
  readonly #failures = new Map<NodeId, number>();
  readonly #resumeTries = new Map<NodeId, number>();

  choose(candidates: readonly DonorCandidate[], begun: Begun | undefined): Choice | undefined {
    const isServed = (id: KeyspaceId): boolean =>
      candidates.length === 0 || candidates.some(({ keyspaceId }) => keyspaceId === id);
    const canResume = begun !== undefined && isServed(begun.keyspaceId);
    const resumed = canResume ? this.#toResume(candidates, begun) : undefined;
    if (resumed !== undefined) return { ...resumed, resume: true };
    let best: DonorCandidate | undefined;
    for (const candidate of candidates)
      if (best === undefined || this.#failuresOf(candidate) < this.#failuresOf(best)) best = candidate;
    if (best === undefined) return undefined;
    const { node, keyspaceId } = best;
    const mayHold = this.#resumeTries.get(node) !== Infinity;
    return { node, keyspaceId, resume: canResume && begun.donor === node && mayHold };
  }

  /** It could not be reached, refused, or its stream broke. */
  failed({ node, resume }: Choice): void {
    if (resume) this.#resumeTries.set(node, (this.#resumeTries.get(node) ?? 0) + 1);
    this.#failures.set(node, (this.#failures.get(node) ?? 0) + 1);
  }

  untrue({ node }: Choice): void {
    this.#failures.set(node, (this.#failures.get(node) ?? 0) + untrueWeight);
  }

  /** It does not hold the copy that was begun. */
  gone({ node }: Choice): void {
    this.#resumeTries.set(node, Infinity);
  }

  /** A chunk was stored: going on helps. */
  advanced({ node }: Choice): void {
    this.#resumeTries.delete(node);
  }

  /** A new copy is begun: what was known of going on with the last is forgotten. */
  begins(): void {
    this.#resumeTries.clear();
  }

  #toResume(
    candidates: readonly DonorCandidate[],
    { donor, keyspaceId }: Begun,
  ): { node: NodeId; keyspaceId: KeyspaceId } | undefined {
    const nodes = donor === undefined ? candidates.map(({ node }) => node) : [donor];
    const node = nodes.find((one) => (this.#resumeTries.get(one) ?? 0) < resumeTriesMax);
    return node === undefined ? undefined : { node, keyspaceId };
  }

  #failuresOf({ node }: DonorCandidate): number {
    return this.#failures.get(node) ?? 0;
  }
}
