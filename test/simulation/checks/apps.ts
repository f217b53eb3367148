import type { AppRead, Call } from '../workload/app-history.js';
import { markOf } from '../workload/app-history.js';
import type { History } from '../workload/history.js';
import type { Replayed, ReplayedLog } from './replayed-log.js';
import { differences } from './transactions.js';

/** The call that a transaction of the log was made for, and in which run; undefined: for none of an app. */
export function callOf({ writeSet }: Replayed, { apps }: History) {
  for (const mutation of writeSet.mutations) {
    if (mutation.kind !== 'set') continue;
    const marked = markOf(Buffer.from(mutation.bytes).toString());
    const call = marked && apps.calls.get(marked.mark);
    if (call !== undefined) return { call, run: marked!.run };
  }
  return undefined;
}

/** Every call was committed as it was told: at most once, by its last run, under whatever id. */
export function checkCalls(keyspace: string, history: History, log: ReplayedLog): string[] {
  const made = new Map<Call, { readonly of: Replayed; readonly run: number }[]>();
  for (const of of log.transactions) {
    const found = callOf(of, history);
    if (found === undefined) continue;
    const all = made.get(found.call) ?? [];
    all.push({ of, run: found.run });
    made.set(found.call, all);
  }
  return [...history.apps.calls.values()]
    .filter((call) => call.keyspace === keyspace)
    .flatMap((call) => checkCall(call, made.get(call) ?? []).map((problem) => `${call.mark}: ${problem}`));
}

function checkCall(
  { told, runs }: Call,
  made: readonly { readonly of: Replayed; readonly run: number }[],
): string[] {
  const problems: string[] = [];
  if (made.length > 1)
    problems.push(`committed ${made.length} times, at ${made.map(({ of }) => of.seqno).join()}`);
  for (const { run, of } of made) {
    if (run < runs.length - 1) problems.push(`its run ${run} is at ${of.seqno}, and the function ran again`);
  }
  const first = made[0]?.of;
  if (told === undefined) problems.push('was never answered');
  else if (told.kind === 'committed' && (first?.writeSet.id !== told.id || first.seqno !== told.seqno))
    problems.push(`told as ${told.id} at ${told.seqno}, in the log ${first?.writeSet.id} at ${first?.seqno}`);
  else if (told.kind === 'not-committed' && first !== undefined)
    problems.push(`was said not to be committed (${told.code}) and is at ${first.seqno}`);
  return problems;
}

/** Whatever node answered: there is one prefix of the order, new enough, that shows what was read. */
export function checkAppRead({ about, notBelow, reads }: AppRead, log: ReplayedLog): string[] {
  let first = '';
  for (let seqno = notBelow; seqno <= log.tail; seqno++) {
    const different = reads.flatMap((read) => differences(read, log, seqno));
    if (different.length === 0) return [];
    if (first === '') first = different.join('; ');
  }
  return [`${about} reads what was nowhere from ${notBelow} on; there ${first}`];
}
