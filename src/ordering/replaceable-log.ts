import type { KeyspaceId } from '../model/ids.js';

/** What a shared log was found to be. */
export interface FoundLog {
  /** Undefined: no history has begun in it. */
  readonly keyspaceId: KeyspaceId | undefined;
  /** Who holds the role, and in which of his terms; whether he serves is not known here. */
  readonly leader: { readonly node: string; readonly term: number } | undefined;
  /** What `replace` is bound to. Its meaning is the adapter's own. */
  readonly token: unknown;
}

/** A history's beginning, as it stands in a store that holds it already. */
export interface BegunHistory {
  readonly keyspaceId: KeyspaceId;
  readonly keyspace: string;
  /** The encoded entry at position 0. */
  readonly genesis: Uint8Array;
}

/** A log that nodes share, as whoever recovers it sees it: it is lost, set back, or not of the nodes' history. */
export interface ReplaceableLog {
  /** Linearizable. Rejects when the log cannot be asked. */
  look(): Promise<FoundLog>;
  /**
   * Puts a new history, which nobody else ever had, in the place of what was found, all at once: no other entry is left, and
   * who leads is deposed. 'changed': the log is of another history by now, and nothing was done. Rejects when it is not known
   * whether it was done.
   */
  replace(found: FoundLog, history: BegunHistory): Promise<'replaced' | 'changed'>;
}
