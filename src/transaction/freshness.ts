import { fail, failure, succeed, type Failure, type Result } from '../model/errors.js';
import { gtid, parseGtid } from '../model/gtid.js';
import { seqno, type Seqno } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { KeyspaceContext } from './context.js';
import type { Freshness } from './service.js';

const ready: Result<undefined> = succeed(undefined);

/** The ms that are left of a wait that begins now, 1 at least: several waits of one request share it. */
export function deadline(context: KeyspaceContext, timeoutMs: number): () => number {
  const { clock } = context.runtime;
  const endMs = clock.monotonicMs() + timeoutMs;
  return () => Math.max(1, endMs - clock.monotonicMs());
}

/** Waits until this node is as new as asked. Never a silent downgrade: a wait that runs out is an error. */
export function awaitFreshness(
  context: KeyspaceContext,
  freshness: Freshness,
): Result<undefined> | Promise<Result<undefined>> {
  const refusal = context.notServing();
  if (refusal !== undefined) return { ok: false, failure: refusal };
  const { token, causal, timeoutMs } = freshness;
  if (token === undefined) return causal ? awaitTail(context, timeoutMs) : ready;
  const parsed = parseGtid(token);
  const history = context.store.head.keyspaceId;
  if (parsed === undefined) return fail('INVALID_ARGUMENT', 'the causality token is no GTID');
  if (parsed.history !== history) {
    const details = { given: token, history: history ?? null };
    return fail('HISTORY_MISMATCH', 'the causality token is of another history of this keyspace', {
      details,
    });
  }
  if (!causal) return awaitSeqno(context, parsed.seqno, timeoutMs);
  return awaitTail(context, timeoutMs, parsed.seqno);
}

/** Waits until everything committed before the call is applied here, and `atLeast` too. */
export async function awaitTail(
  context: KeyspaceContext,
  timeoutMs: number,
  atLeast: Seqno = seqno(0),
): Promise<Result<undefined>> {
  const { timers } = context.runtime;
  const leftMs = deadline(context, timeoutMs);
  const asked = context.tails.read();
  if (asked === 'full') return tooManyWait();
  const tail = await new Promise<Awaited<typeof asked> | 'timeout'>((resolve) => {
    const cancel = timers.after(timeoutMs, () => resolve('timeout'));
    void asked.then((answer) => {
      cancel();
      resolve(answer);
    });
  });
  if (tail === 'timeout' || tail === undefined) {
    const why =
      tail === undefined ? 'the sequencer cannot be asked for the tail' : 'the tail did not come in time';
    return { ok: false, failure: causalTimeout(context, undefined, why) };
  }
  const wanted = seqno(Math.max(tail.seqno, atLeast));
  return awaitSeqno(context, wanted, leftMs());
}

/** Waits until `wanted` is applied here. */
export function awaitSeqno(
  context: KeyspaceContext,
  wanted: Seqno,
  timeoutMs: number,
): Result<undefined> | Promise<Result<undefined>> {
  const waited = context.waiters.wait(wanted, timeoutMs);
  if (waited === true) return ready;
  if (waited === 'full') return tooManyWait();
  if (waited === false) return notApplied(context, wanted);
  return waited.then((reached) => (reached ? ready : notApplied(context, wanted)));
}

function notApplied(context: KeyspaceContext, wanted: Seqno): Result<undefined> {
  const why = `seqno ${wanted} was not applied here in time; seqno ${context.store.head.seqno} is`;
  return { ok: false, failure: causalTimeout(context, wanted, why) };
}

function tooManyWait(): Result<undefined> {
  const details = { retryAfterMs: 1000 };
  return fail('OVERLOADED', `${limits.causalWaitersMax} reads wait on this node already`, { details });
}

function causalTimeout(context: KeyspaceContext, required: Seqno | undefined, why: string): Failure {
  const { head } = context.store;
  const requiredGtid = required === undefined ? null : gtid(head.keyspaceId!, required);
  const applied = gtid(head.keyspaceId!, head.seqno);
  return failure('CAUSAL_READ_TIMEOUT', why, { details: { required: requiredGtid, applied } });
}
