import type { CertificationIndex } from '../certification/certification-index.js';
import type { Failure } from '../model/errors.js';
import { gtid, type Gtid } from '../model/gtid.js';
import type { KeyspaceName, NodeId, Seqno } from '../model/ids.js';
import type { SeqnoWaiters } from '../replica/seqno-waiters.js';
import type { SequencerLink } from '../replica/sequencer-link.js';
import type { TailReader } from '../replica/tail-reader.js';
import type { Runtime } from '../runtime/runtime.js';
import type { KeyspaceStore, StoreSnapshot } from '../storage/store.js';
import type { PendingCommits } from './pending-commits.js';

/** What transactions of one keyspace stand on at one node. */
export interface KeyspaceContext {
  readonly name: KeyspaceName;
  readonly self: NodeId;
  readonly store: KeyspaceStore;
  readonly link: SequencerLink;
  readonly commits: PendingCommits;
  /** Fed by what this node applies; for early judgement. */
  readonly index: CertificationIndex;
  readonly waiters: SeqnoWaiters;
  readonly tails: TailReader;
  readonly runtime: Runtime;
  /** Why this node does not serve the keyspace now, or undefined. */
  readonly notServing: () => Failure | undefined;
}

/** The GTID of a seqno in the store's history. Only for a store that has one. */
export function gtidAt(context: KeyspaceContext, at: Seqno): Gtid {
  return gtid(context.store.head.keyspaceId!, at);
}

export function gtidOf(snapshot: StoreSnapshot): Gtid {
  return gtid(snapshot.head.keyspaceId!, snapshot.head.seqno);
}
