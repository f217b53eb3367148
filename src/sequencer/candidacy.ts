import type { NodeId } from '../model/ids.js';

/** What a node does for a role that any node of the keyspace may take: declared here, done by the node around it. */
export interface Candidacy {
  /** Resolves when this node may ask the log for the role; to why not, when that has to be looked at again later. */
  mayStand(): Promise<string | undefined>;
  /** Who had the role and does not run any more: nobody need wait for the end of its lease. */
  gone(): Promise<NodeId | undefined>;
  /**
   * This node has won. Resolves when its store holds the whole log and nothing but the sequencer applies to it; to why it
   * cannot lead after all.
   */
  takeOver(): Promise<string | undefined>;
  /** This node does not lead, after all or any more: it follows who does. */
  follow(why: string): void;
  /** Up to here the log may be trimmed: so far it is held durably where it must be. */
  readonly heldPosition: number;
  /** Why `heldPosition` does not rise, for people; undefined when nothing holds it back. */
  readonly heldBackBy: string | undefined;
}
