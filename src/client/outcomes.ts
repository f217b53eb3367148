import type { CommitReply, StateReply } from '../transport/public-api/messages.js';
import type { Answer, Calls } from './calls.js';
import { MeridianError, outcomeUnknown } from './errors.js';
import type { Commit } from './options.js';
import type { Bounds } from './session.js';
import { describeKey } from '../model/keys.js';

/** What is known of a transaction id. */
export type Outcome =
  | { readonly state: 'committed'; readonly commit: Commit }
  /** It will never commit. */
  | {
      readonly state: 'aborted';
      readonly code: string;
      readonly conflict: { readonly key: string; readonly gtid: string } | undefined;
    }
  /** An interactive transaction that has not come to COMMIT, on the node that was asked. */
  | { readonly state: 'open' }
  /** It may have been committed, or may yet be. */
  | { readonly state: 'unknown' };

export type SettledOutcome = Extract<Outcome, { state: 'committed' | 'aborted' }>;

/**
 * Settles an id: its outcome, or from now on a tombstone. It asks for ROLLBACK, not COMMIT: where the transaction is still
 * open because its COMMIT was lost, a COMMIT would leave out the mutations that were lost with it.
 */
export async function settleOutcome(
  calls: Calls,
  asked: { readonly keyspace: string; readonly transactionId: string },
  bounds: Bounds,
): Promise<SettledOutcome> {
  const { keyspace, transactionId } = asked;
  try {
    for (let tries = 0; ; tries++) {
      const answer = await calls.ask(keyspace, () => ({ kind: 'rollback', ...asked }), bounds);
      const outcome = outcomeOf(calls, keyspace, (answer as Extract<Answer, { kind: 'state' }>).reply);
      if (outcome.state === 'committed' || outcome.state === 'aborted') return outcome;
      if (!(await calls.pause(calls.backoffMs(tries + 1), bounds)))
        throw outcomeUnknown(transactionId, undefined);
    }
  } catch (error) {
    // What is no id has no outcome. (An id that is ahead of log time has one: it is unknown.)
    const isNoId = error instanceof MeridianError && error.code === 'INVALID_ARGUMENT';
    if (isNoId && error.outcome !== 'unknown') throw error;
    throw outcomeUnknown(transactionId, error);
  }
}

export async function askOutcome(
  calls: Calls,
  asked: { readonly keyspace: string; readonly transactionId: string },
  bounds: Bounds,
): Promise<Outcome> {
  const answer = await calls.ask(asked.keyspace, () => ({ kind: 'getTransaction', ...asked }), bounds);
  return outcomeOf(calls, asked.keyspace, (answer as Extract<Answer, { kind: 'state' }>).reply);
}

/** Its GTIDs are noted: who knows of a commit or of a winner reads at or after it. */
function outcomeOf(calls: Calls, keyspace: string, reply: StateReply): Outcome {
  switch (reply.state) {
    case 'committed':
      calls.causality.note(keyspace, reply.commit.gtid);
      return { state: 'committed', commit: commitOf(reply.commit) };
    case 'aborted': {
      const { code, conflict } = reply;
      if (conflict === undefined) return { state: 'aborted', code, conflict };
      calls.causality.note(keyspace, conflict.gtid);
      return { state: 'aborted', code, conflict: { key: describeKey(conflict.key), gtid: conflict.gtid } };
    }
    case 'open':
    case 'unknown':
      return { state: reply.state };
  }
}

export function commitOf({ transactionId, gtid, results }: CommitReply): Commit {
  return { transactionId, gtid, version: Number(gtid.slice(37)), results };
}
