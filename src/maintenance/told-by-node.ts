import type { KeyspaceId, NodeId } from '../model/ids.js';

/** What another node of the keyspace last told of its copy, whether it is reached now or not. */
export interface ToldByNode {
  readonly node: NodeId;
  /** Undefined when it holds nothing. */
  readonly keyspaceId: KeyspaceId | undefined;
  /** Up to here it holds the log durably. */
  readonly position: number;
  readonly check: ReportedCheck | undefined;
}

/** How far a node is with the consistency check at a mark. */
export interface ReportedCheck {
  readonly mark: string;
  readonly position: number;
  /** SHA-256, hex; undefined while it is computed. */
  readonly hash: string | undefined;
}
