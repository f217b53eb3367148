import type { Database } from './store.js';

/**
 * Where a keyspace's databases lie at a node: the current one, which is served, and an incoming copy, which is being
 * brought in to take its place. After a crash at any moment the current one is whole: the one before, or the copy.
 */
export interface StorePlace {
  /** Made when it is not there. One at a time; called again after a failed write. Finishes an exchange that a crash cut off. */
  openCurrent(): Promise<Database>;
  /** Rejects while the disk would not let the current database be closed, opened again and written; of an open one too. */
  probe(): Promise<void>;
  /** Made when it is not there. */
  openIncoming(): Promise<Database>;
  /** Removes the incoming copy, closed, if there is one. */
  dropIncoming(): Promise<void>;
  /**
   * The incoming copy becomes the current one, atomically and durably. Both are closed. The one before is removed, or,
   * with `setAside`, kept beside it under a name that says since when; returns that name.
   */
  exchange(options: { readonly setAside: boolean }): Promise<string | undefined>;
  /** Names of copies that were set aside, oldest first. */
  setAside(): Promise<readonly string[]>;
}
