import type { CertifyWelcome } from '../transport/messages.js';

/** A place in a keyspace's log. */
export type Tail = { readonly position: number; readonly seqno: number };

const nothing: Tail = { position: -1, seqno: 0 };

/**
 * What sequencers of a keyspace have told this node of its log at most, applied here or not. It outlives the node's copy: a
 * node that is given another one still knows how far the log had come.
 */
export class SeenLog {
  /** The UUID of the history that this is about, in hexadecimal; undefined as long as none was heard of. */
  #history: string | undefined;
  #epoch = 0;
  #tail: Tail = nothing;

  /** Of the sequencer that was here last. */
  get epoch(): number {
    return this.#epoch;
  }

  get tail(): Tail {
    return this.#tail;
  }

  /** False for a sequencer of a lower epoch than one of that history before. With another history it begins anew. */
  accepts({ keyspaceId, epoch }: CertifyWelcome): boolean {
    // A log without a history is one that was lost: what was seen of it counts on.
    const history = keyspaceId.some((byte) => byte !== 0)
      ? Buffer.from(keyspaceId).toString('hex')
      : this.#history;
    const isAnother = this.#history !== undefined && this.#history !== history;
    if (!isAnother && epoch < this.#epoch) return false;
    if (isAnother) this.#tail = nothing;
    this.#history = history;
    this.#epoch = epoch;
    return true;
  }

  heard(tail: Tail): void {
    if (tail.position >= this.#tail.position) this.#tail = { position: tail.position, seqno: tail.seqno };
  }
}
