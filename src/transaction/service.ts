import type { Result } from '../model/errors.js';
import type { Gtid } from '../model/gtid.js';
import type { KeyspaceId, KeyspaceName, NodeId, RegionId, Seqno, TransactionId } from '../model/ids.js';
import type { Key, KeyRange } from '../model/keys.js';
import type { AbortCode, Conflict, MutationResults } from '../model/outcome.js';
import type { Check, MutationRequest, ReadRequest } from '../model/request.js';
import type { VersionedValue } from '../model/value.js';
import type { Isolation } from '../model/write-set.js';

/** What the APIs ask of a node, per keyspace. Inputs are checked against `limits` here; the shapes are the API's to check. */
export interface KeyspaceService {
  readonly name: KeyspaceName;
  status(): KeyspaceStatus;
  /** A COMMIT would be refused as OVERLOADED now, so that nothing of it need be taken. */
  readonly shedsCommits?: boolean;
  /** Point reads in one snapshot. */
  read(keys: readonly Key[], freshness: Freshness): Promise<Result<SnapshotRead>>;
  /** What a key that is present holds in the local snapshot, at once; undefined where `read` has more to say. Never throws. */
  readNow(key: Key): ReadNow | undefined;
  /** One page of present keys, in one snapshot. */
  list(range: KeyRange, options: ListOptions): Promise<Result<ListPage>>;
  /** One-shot: reads, checks and mutations in one transaction. Without mutations the sequencer is not asked. */
  transact(request: TransactRequest): Promise<Result<Committed>>;
  /** Opens an interactive transaction on this node. */
  begin(options: BeginOptions): Promise<Result<InteractiveTransaction>>;
  /** The interactive transaction, as long as it is open here; TRANSACTION_NOT_FOUND, _EXPIRED or _FINISHED else. */
  open(id: TransactionId): Result<InteractiveTransaction>;
  /**
   * COMMIT of an interactive transaction; of an id that is not open here: resolves it (its outcome, else a tombstone).
   * Last `mutations` are buffered and COMMIT taken in one step, so that no other call comes between; with some the id has
   * to be open here, else it is refused like `open`. One that is refused leaves those before it buffered.
   */
  commit(id: TransactionId, mutations?: readonly MutationRequest[]): Promise<Result<Committed>>;
  /** Like `commit`; the value is the state that the id then has (it may turn out committed). */
  rollback(id: TransactionId): Promise<Result<TransactionState>>;
  /** Open here, an outcome, or unknown; never an error for a well-formed id. */
  transactionState(id: TransactionId): TransactionState;
  /** Opens a change feed. HISTORY_MISMATCH and CHANGES_TOO_OLD at once; OVERLOADED above limits.feedsMax open ones. */
  changes(request: ChangesRequest): Result<ChangeFeed>;
  /** SHA-256 of the state at the applied seqno. Reads every key. */
  stateHash(): Promise<Result<{ readonly hash: string; readonly keys: number; readonly gtid: Gtid }>>;
}

export interface Freshness {
  /** Wait until everything committed before the call began is applied. */
  readonly causal: boolean;
  /** A causality token: at least this new. Its history is judged at once. */
  readonly token: Gtid | undefined;
  /** ms, 1 to limits.causalTimeoutMsMax. */
  readonly timeoutMs: number;
}

export interface SnapshotRead {
  /** Of the snapshot. */
  readonly gtid: Gtid;
  /** In the order of the keys asked for; undefined: absent. */
  readonly values: readonly (VersionedValue | undefined)[];
}

export interface ReadNow {
  /** Of the snapshot. */
  readonly gtid: Gtid;
  readonly value: VersionedValue;
  /** As in KeyspaceStatus. */
  readonly stalenessMs: number | undefined;
}

export interface ListOptions extends Freshness {
  /** 1 to limits.listEntriesMax. */
  readonly limit: number;
  readonly reverse: boolean;
}

export interface ListPage {
  readonly gtid: Gtid;
  readonly entries: readonly { readonly key: Key; readonly value: VersionedValue }[];
  /** Where the next page goes on: the rest of the range; undefined when this was the last. */
  readonly rest: KeyRange | undefined;
}

export type { Check, MutationRequest, ReadRequest } from '../model/request.js';

export interface TransactRequest extends Freshness {
  /** Minted by the node when undefined. */
  readonly id: TransactionId | undefined;
  /** True when this may be the repetition of an attempt (an Idempotency-Key always may be). */
  readonly mayBeRetry: boolean;
  readonly isolation: Isolation;
  readonly reads: readonly ReadRequest[];
  readonly checks: readonly Check[];
  readonly mutations: readonly MutationRequest[];
  /** What the client sent, in pieces that no other request shares; compared when an id comes again. */
  readonly content: readonly (Uint8Array | string)[];
}

export type ReadAnswer =
  | { readonly kind: 'key'; readonly key: Key; readonly value: VersionedValue | undefined }
  | { readonly kind: 'range'; readonly entries: ListPage['entries']; readonly rest: KeyRange | undefined };

export interface Committed {
  readonly transactionId: TransactionId;
  /** Of the commit; of the snapshot when there was nothing to write. */
  readonly gtid: Gtid;
  readonly seqno: Seqno;
  /** Per mutation, in order. */
  readonly results: MutationResults;
  /** Per read of a one-shot, in order; empty when the answer is an earlier attempt's outcome. */
  readonly reads: readonly ReadAnswer[];
}

export interface BeginOptions extends Freshness {
  readonly isolation: Isolation;
  /** Idle limit in ms, at most limits.transactionIdleMsMax; undefined: that. */
  readonly idleTimeoutMs: number | undefined;
}

/** Every call renews the idle limit, and answers TRANSACTION_ABORTED once the transaction is doomed. */
export interface InteractiveTransaction {
  readonly id: TransactionId;
  readonly snapshot: Gtid;
  get(key: Key): Promise<Result<VersionedValue | undefined>>;
  /** Sees the transaction's own writes; what was scanned joins the read set. */
  list(
    range: KeyRange,
    options: { readonly limit: number; readonly reverse: boolean },
  ): Promise<Result<ListPage>>;
  mutate(mutation: MutationRequest): Promise<Result<void>>;
}

export type TransactionState =
  | { readonly state: 'open'; readonly snapshot: Gtid }
  | {
      readonly state: 'committed';
      readonly gtid: Gtid;
      readonly seqno: Seqno;
      readonly results: MutationResults;
    }
  | { readonly state: 'aborted'; readonly code: AbortCode; readonly conflict: Conflict | undefined }
  | { readonly state: 'unknown' };

export interface ChangesRequest {
  /**
   * Exclusive. Undefined: what is committed from now on; 'oldest': from the oldest commit on that is still kept here; seqno 0:
   * from the first commit on. One ahead of the node waits.
   */
  readonly from: Gtid | 'oldest' | undefined;
  /** Only changes of keys in it; a commit without one is left out. */
  readonly range: KeyRange;
}

/** One consumer's place in a keyspace's commits. It holds no queue: a slow consumer lags, and is told when it lags too far. */
export interface ChangeFeed {
  /** What it has passed: `from` of a feed that goes on here, on any node. */
  readonly position: Gtid;
  /**
   * The next commits, in order and whole, as soon as there are some, out of `limits.feedBatchBytesMax` of entries (one at
   * least); none when `limits.feedHeartbeatMs` have passed without: then the position alone may have gone on. One call at
   * a time. A failure ends the feed: CHANGES_TOO_OLD, NODE_NOT_READY, NODE_INCONSISTENT, HISTORY_MISMATCH, INTERNAL.
   */
  next(): Promise<Result<ChangeBatch>>;
  /** Ends a `next` that waits, with no commits. */
  close(): void;
}

export interface ChangeBatch {
  readonly commits: readonly CommitEvent[];
  /** `from` of a feed that goes on here, on any node. */
  readonly position: Gtid;
}

export interface CommitEvent {
  readonly gtid: Gtid;
  /** Log time. */
  readonly timeMs: number;
  /** In the order of the mutations; of those of one key the last alone, and none that a later deleted range covers. */
  readonly changes: readonly Change[];
}

/**
 * What the commit left behind: of an atomic mutation the counter after it, of a deleted range its part in the feed's range.
 * A counter's `expiresAtMs` is what the commit set; undefined: the key's expiry is what it was before the commit, or none
 * behind a delete of the key in the same commit, which then stands there too.
 */
export type Change =
  | { readonly kind: 'set'; readonly key: Key; readonly value: VersionedValue }
  | { readonly kind: 'deleted'; readonly key: Key }
  | { readonly kind: 'deletedRange'; readonly range: KeyRange };

/** 'no-history': the keyspace was never initialised here or at its home. */
export const replicaStates = [
  'no-history',
  'joining',
  'catching-up',
  'synced',
  'draining',
  'inconsistent',
  'damaged',
] as const;
export type ReplicaState = (typeof replicaStates)[number];

export interface KeyspaceStatus {
  readonly name: KeyspaceName;
  readonly uuid: KeyspaceId | undefined;
  readonly home: RegionId;
  readonly log: 'embedded' | 'etcd' | 'memory';
  readonly epoch: number;
  /** The node that sequences, as far as this node knows. */
  readonly sequencer: NodeId | undefined;
  readonly state: ReplicaState;
  /** Why the state is what it is, or why writes are refused; undefined when all is well. */
  readonly detail: string | undefined;
  readonly applied: Seqno;
  readonly tail: Seqno;
  readonly position: number;
  /** ms since this node last heard from the sequencer; undefined when never. */
  readonly stalenessMs: number | undefined;
  readonly writable: boolean;
  /** Open change feeds on this node. */
  readonly openFeeds: number;
  /** How this node came, or comes, to its copy; undefined when it has had it since it started. */
  readonly join: JoinStatus | undefined;
  /** Undefined when the store is not open. */
  readonly kept: KeptStatus | undefined;
  /** The last consistency check that this node took part in. */
  readonly check: CheckStatus | undefined;
}

export const joinPhases = ['choosing-donor', 'copying', 'verifying', 'replaying', 'done'] as const;
export type JoinPhase = (typeof joinPhases)[number];

export interface JoinStatus {
  readonly by: 'entries' | 'snapshot';
  /** Why in this way; for the operator. */
  readonly why: string;
  /** The node that the copy or the entries come from. */
  readonly donor: NodeId | undefined;
  readonly phase: JoinPhase;
  /** Of rows received, and of all rows as the donor estimates them. */
  readonly bytes: number;
  readonly bytesTotal: number | undefined;
  /** Over the last seconds. */
  readonly bytesPerSecond: number;
  /** Wall clock, ms. */
  readonly startedMs: number;
  /** What it waits out before it tries again, for the operator; undefined while it goes on. */
  readonly heldUpBy: string | undefined;
}

export interface KeptStatus {
  readonly oldestPosition: number;
  readonly entriesBytes: number;
  readonly outcomes: number;
  readonly outcomesBytes: number;
  /** Ids made before it may have lost their outcome. Log time, ms. */
  readonly idFloorMs: number;
}

export interface CheckStatus {
  readonly mark: string;
  readonly position: number;
  readonly seqno: Seqno;
  /** 'running' while this node hashes its state, then until all nodes have reported or a minute has passed. */
  readonly verdict: 'running' | 'equal' | 'differs' | 'incomplete';
  /** For the operator: which nodes agree, differ, are missing. */
  readonly detail: string;
  /** SHA-256, hex; undefined while it runs. */
  readonly hash: string | undefined;
  readonly startedMs: number;
}

export interface PeerStatus {
  readonly node: NodeId;
  readonly region: RegionId;
  readonly reachable: boolean;
  /** Through the nodes' own links; undefined before the first exchange. */
  readonly roundTripMs: number | undefined;
  readonly clockSkewMs: number | undefined;
  readonly keyspaces: readonly {
    readonly name: string;
    readonly state: string;
    readonly applied: number;
    readonly position: number;
    readonly epoch: number;
    readonly sequencing: boolean;
    readonly detail: string | undefined;
  }[];
}

/** What an operator asks of a node about one keyspace. It answers also when the keyspace is not served. */
export interface KeyspaceAdmin {
  readonly name: KeyspaceName;
  status(): KeyspaceStatus;
  /** Names of copies that were set aside, oldest first. */
  setAside(): Promise<readonly string[]>;
  /**
   * This node gives its copy up (it is set aside, never deleted) and takes a new one by snapshot transfer. Returns once that has begun.
   * OPERATION_REFUSED at the home of an embedded log (its copy is the log: see `recover`), and where no donor is known.
   */
  rejoin(): Promise<Result<{ readonly setAside: string | undefined }>>;
  /** What `recover` would do, and what it could not prove. Changes nothing. */
  planRecovery(options: RecoverOptions): Promise<Result<RecoveryPlan>>;
  /**
   * At the home node: restores the log from the most advanced copy and begins a new history with it: a new uuid, seqnos far above
   * all that were seen. OPERATION_REFUSED when the keyspace is healthy, elsewhere than at the home, and while a node that
   * `without` does not name cannot be asked.
   */
  recover(options: RecoverOptions): Promise<Result<Recovery>>;
  /** Has the sequencer put a mark into the log; every node then checks its state at it. OPERATION_REFUSED elsewhere than at the sequencer. */
  check(): Promise<Result<{ readonly mark: string; readonly position: number }>>;
  /**
   * A log that nodes share waits no longer for a node that will not come back: what the others hold may be trimmed. Holds until
   * that node is heard of again, another node takes the role, or this one restarts. OPERATION_REFUSED elsewhere than at the
   * sequencer, of a node that can be reached, and of a log that waits for nobody.
   */
  forgetNode(node: NodeId): Promise<Result<{ readonly forgotten: NodeId }>>;
}

export interface RecoverOptions {
  /** Nodes that are lost: it goes on without asking them. */
  readonly without: readonly string[];
}

export interface RecoveryPlan {
  /** Every node that was asked, with its copy; undefined: it has none. */
  readonly copies: readonly RecoveryCopy[];
  /** The most advanced copy's node; undefined when there is no copy at all. */
  readonly source: NodeId | undefined;
  /** The last seqno of that copy. */
  readonly seqno: Seqno;
  /** Positions of the old log that a node has seen and the source does not hold: commits in them may have been acknowledged. */
  readonly unproven: { readonly fromPosition: number; readonly toPosition: number } | undefined;
  /** What stands in the way, or an operator should know; empty: nothing. */
  readonly warnings: readonly string[];
}

export interface RecoveryCopy {
  readonly node: NodeId;
  readonly uuid: KeyspaceId | undefined;
  readonly position: number;
  readonly seqno: Seqno;
  readonly epoch: number;
  readonly state: string;
}

export interface Recovery extends RecoveryPlan {
  readonly uuidBefore: KeyspaceId | undefined;
  readonly uuid: KeyspaceId;
  /** The new history's first seqno is above it. */
  readonly seqnoBase: Seqno;
}

/** A node as the APIs see it. */
export interface NodeService {
  readonly cluster: string;
  readonly node: NodeId;
  readonly region: RegionId;
  readonly version: string;
  keyspace(name: string): KeyspaceService | undefined;
  keyspaces(): readonly KeyspaceService[];
  /** What operators ask about a keyspace of the cluster. */
  admin(name: string): KeyspaceAdmin | undefined;
  /** The node that minted an id, when its tag is that of a node of this cluster, with its public HTTP address. */
  minterOf(id: TransactionId): { readonly node: NodeId; readonly httpAddress: string } | undefined;
  /** This node first. */
  peers(): readonly PeerStatus[];
  readonly draining: boolean;
}
