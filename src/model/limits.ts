const kib = 1024;
const mib = 1024 * kib;
const secondMs = 1000;
const minuteMs = 60 * secondMs;

/**
 * Every bound of the system, the same in every deployment. Nodes compare them when they meet: the certifier is a pure
 * function of the log and of these, so two nodes that differ would decide differently. Bytes, counts and ms as named.
 */
export const limits = {
  keyBytesMax: 2 * kib,
  valueBytesMax: 896 * kib,
  contentTypeBytesMax: 255,
  /** Encoded write set with its keys. */
  transactionBytesMax: mib - 64 * kib,
  /** Encoded read keys, ranges and checks of one transaction. */
  readSetBytesMax: mib,
  /** One log entry, header and checksum included: one largest transaction always fits. */
  entryBytesMax: mib,
  mutationsMax: 1000,
  checksMax: 1000,
  /** Reads (points and ranges) of one one-shot request. */
  readsMax: 1000,
  /** Keys that the deleteRanges of one transaction may find together at the origin's snapshot (ADR 0004). */
  deleteRangeKeysMax: 10_000,
  deleteRangesPerTransactionMax: 16,
  ttlMsMax: 10 * 365 * 24 * 60 * minuteMs,

  listEntriesMax: 1000,
  listEntriesDefault: 100,
  /**
   * Keys and values on one page of a list, or in the reads of one request; a page ends early at it. With what is around
   * them they fit the 4 MiB that gRPC clients take in one message by default.
   */
  pageBytesMax: 4 * mib - 256 * kib,
  requestBodyBytesMax: 2 * mib,

  transactionIdleMsMax: 30 * secondMs,
  transactionTotalMsMax: 5 * minuteMs,
  /** Open interactive transactions of one keyspace on one node. */
  openTransactionsMax: 1000,
  /** Ended interactive transactions whose end (expired, rolled back) a node still remembers. */
  endedTransactionsMax: 10_000,

  causalTimeoutMsDefault: 5 * secondMs,
  causalTimeoutMsMax: 60 * secondMs,
  /** Reads of one keyspace that wait for a seqno on one node. */
  causalWaitersMax: 10_000,
  /** After the sequencer of a shared log was lost new commits wait so long for its successor, before they are refused. */
  successorWaitMsMax: 5 * secondMs,
  /** How long COMMIT waits for its outcome before it answers COMMIT_OUTCOME_UNKNOWN. */
  commitTimeoutMs: 10 * secondMs,

  /** Submissions of one keyspace on one node without an outcome. */
  submissionsMax: 4096,
  /** Half of what one stream may hold, so that all of them can be submitted again at once. */
  submissionBytesMax: 32 * mib,
  /** As many may always wait; above, no more than had their outcome within commitWaitMsMax. */
  submissionsMin: 1024,
  submissionBytesMin: 8 * mib,
  /** While the oldest of them has waited for longer, new ones are refused: more would only wait longer. */
  commitWaitMsMax: secondMs,
  /** Requests waiting at a sequencer for the append in flight, and their bytes. */
  sequencerQueueMax: 16_384,
  sequencerQueueBytesMax: 128 * mib,

  /** Committed transactions, and their keys, that a certification index covers. */
  windowTransactionsMax: 100_000,
  windowKeysMax: 200_000,
  windowDeletedRangesMax: 1_000,

  /** An id whose time is further than this behind log time is refused: its outcome need not be kept. */
  outcomesMsMax: 24 * 60 * minuteMs,
  /** Outcomes younger than this are kept whatever their size; load is shed rather. */
  outcomesMsMin: 15 * minuteMs,
  /** Outcomes of one keyspace on one node, by default; the oldest go first. */
  outcomesBytesMax: 1024 * mib,
  /** How far an id's time may be ahead of log time. */
  idAheadMsMax: minuteMs,
  /** A disk that has not ended a change of a store for so long is taken to hang: its node gives the role up where another may have it. ms */
  diskStallMsMax: 3 * secondMs,
  /** A node whose clock is further than this from the peers that it reaches does not lead. */
  clockSkewMsMax: 10 * secondMs,

  /** Entries of one keyspace that a node keeps, by default, even when every node holds them; the newest. */
  entriesBytesMin: 64 * mib,
  /** Entries of one keyspace that a node keeps, by default, for nodes that are away. */
  entriesBytesMax: 1024 * mib,
  entriesMsMax: 24 * 60 * minuteMs,
  /** Entries that stay in a log that nodes share, also when they hold them; the newest. */
  sharedLogBytesMin: 16 * mib,
  /** Above this a shared log takes nothing more until two regions hold what is to be dropped of it. */
  sharedLogBytesMax: 256 * mib,
  /** Chain hashes kept beyond the entries, so that older copies can still be verified. */
  chainHashesMax: 1_000_000,
  /** Entries are counted in blocks of this size, so retention keeps to its bytes as exactly as this. */
  keptBlockBytes: mib,
  /** Outcomes are counted by spans of this length of their ids' times. Stores have records by it: it is part of their format. ms */
  keptSpanMs: minuteMs,
  /** Entries that one trim drops. */
  trimEntriesMax: 50_000,

  /** An empty store whose source is further ahead than this takes a snapshot instead of the entries. */
  joinByEntriesMax: 1000,
  /** Rows in one chunk of a snapshot transfer; one row at least. */
  transferChunkBytes: 256 * kib,
  /** Chunks that a donor sends beyond those that the joiner has said it stored. */
  transferAheadChunksMax: 64,
  /** Chunks that a joiner has received and not stored; above it the stream is paused. */
  transferQueueBytesMax: 2 * mib,
  /** Snapshots of one keyspace that a donor pins at a time for joiners. */
  transferPinsMax: 2,
  /** How long a donor keeps a snapshot pinned for a joiner that takes nothing of it. */
  transferIdleMsMax: minuteMs,
  /** How long a donor pins one snapshot in all. */
  transferMsMax: 6 * 60 * minuteMs,
  /** How long a node pins the snapshot that it hashes for a consistency check. */
  checkMsMax: 6 * 60 * minuteMs,
  /** Copies of a keyspace that a node set aside and still names. */
  setAsideNamedMax: 100,

  /** One group that an applier brings into the store in one batch. */
  applyGroupBytesMax: 4 * mib,
  /** Entries that a follower has received and not applied; above it the stream is paused. */
  followerQueueBytesMax: 16 * mib,
  /** Records of one keyspace that a node keeps in memory for its reads. */
  recordCacheBytesMax: 32 * mib,
  /** Entries read at once from a log for one follower. */
  feedReadBytesMax: mib,

  /** Open change feeds of one keyspace on one node. */
  feedsMax: 256,
  /** Entries that one batch of a change feed is made of; one at least. */
  feedBatchBytesMax: 256 * kib,
  /** Entries just applied that a keyspace's change feeds share; who lags further reads the store. */
  feedRecentBytesMax: 16 * mib,
  /** A change feed without a commit tells its position after this time. */
  feedHeartbeatMs: 5 * secondMs,

  /** While the oldest write of a keyspace that came over HTTP waits for longer, no more are taken than end in this time. */
  writeWaitMsMax: 500,
  /** So many may always wait. */
  writesMin: 64,
  /** HTTP requests about data that a node has under way; more are refused before they are taken. */
  httpRequestsMax: 1024,
  /** Bodies of these, as announced. */
  httpBodiesBytesMax: 64 * mib,
  /** HTTP requests under way of probes, metrics, status and administration, which the others do not displace. */
  httpProbesMax: 128,
  /** HTTP connections of a node. */
  httpConnectionsMax: 4096,
  /** Connections beyond them, each for one request: probes and administration are answered, the rest is refused. */
  httpConnectionsSpare: 64,
  /** Unary calls of the public gRPC API that a node has under way; more are refused. */
  unaryCallsMax: 1024,
  /** Requests of its calls under way, those of Sessions included, in bytes; above it calls are refused. */
  callsBytesMax: 64 * mib,
  /** Streams of calls (Session) that a node serves at a time. */
  sessionsMax: 1024,
  /** Calls that may be open on one of them; more are refused. */
  sessionCallsMax: 1024,
  /** Of these, calls under way whose answers may be a page long; more wait. */
  sessionPagesMax: 8,
  /** Replies that wait to be written on one of them; above it no further call is begun. */
  sessionRepliesBytesMax: mib,
  /** The google.rpc.Status of a unary error: HTTP/2 clients take some 8 KiB of trailers. */
  statusDetailsBytesMax: 4 * kib,

  peerMessageBytesMax: 4 * mib,
  peerStreamQueueBytesMax: 64 * mib,
} as const;

/** Covers what every node must agree on: all of it. */
export function limitsFingerprint(): string {
  return JSON.stringify(limits);
}
