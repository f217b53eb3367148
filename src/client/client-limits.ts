/** Bounds of one client. They are its own affair: nodes do not compare them. Counts, bytes and ms as named. */
export const clientLimits = {
  endpointsMax: 64,
  /** Calls of one session that wait for a place beside those in flight; above it a call is refused, unsent. */
  waitingCallsMax: 16_384,
  /** The same of their bytes, by their estimated size. */
  waitingBytesMax: 64 * 1024 * 1024,
  /** One call, by its estimated size: below what a node takes as one message (limits.peerMessageBytesMax). */
  callBytesMax: 3.5 * 1024 * 1024,
  /** Calls gathered into one message, by their estimated size; one at least. */
  messageBytes: 512 * 1024,
  /** Commits that a watch has received and its consumer has not taken; above it the stream is paused. */
  watchCommitsMax: 1024,
  watchBytesMax: 8 * 1024 * 1024,
  /** Keyspaces whose causality token a client keeps. */
  tokensMax: 10_000,
  /** Runs of a transaction's function, and ids of a one-shot. */
  attemptsMax: 32,
} as const;

export const clientTimes = {
  /** Of one call with its retries; of a transaction with all its runs. */
  requestTimeoutMs: 10_000,
  transactTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  pingEveryMs: 2000,
  /** A session whose ping is not answered by then is given up. */
  pingTimeoutMs: 4000,
  /** A stream that has not brought a welcome by then is given up. */
  welcomeTimeoutMs: 4000,
  /** How long the first choice waits for endpoints that are farther than the first one measured. */
  choiceGraceMs: 300,
  reconnectMsMin: 100,
  reconnectMsMax: 2000,
  /** How long a node that does not serve a keyspace is not asked for it. */
  avoidMs: 2000,
  retryMsMin: 10,
  retryMsMax: 1000,
} as const;
