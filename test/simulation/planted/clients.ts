import { vi } from 'vitest';
import { Causality } from '../../../src/client/causality.js';
import { Session, type CallOutcome } from '../../../src/client/session.js';
import { gtid, parseGtid } from '../../../src/model/gtid.js';
import { seqno } from '../../../src/model/ids.js';
import { LocalKeyspace } from '../../../src/transaction/keyspace-service.js';
import type { Method } from '../../../src/transport/public-api/messages.js';
import { divert } from './modules.js';

/** What the client's sessions send and hear is changed on its way. */
function speaking(sent: (method: Method) => Method, heard = (outcome: CallOutcome) => outcome): void {
  const { call } = Session.prototype;
  vi.spyOn(Session.prototype, 'call').mockImplementation(async function (this: Session, method, bounds) {
    return heard(await call.call(this, sent(method), bounds));
  });
}

/** Every attempt has an id of its own. */
export function retryingUnderNewIds(): void {
  speaking((method) => {
    if (method.kind !== 'transact' || method.attempt < 2) return method;
    const ending = method.attempt.toString(16).padStart(4, '0');
    return { ...method, transactionId: `${method.transactionId.slice(0, -4)}${ending}`, attempt: 1 };
  });
}

/** No attempt says that it is a retry, and whatever abort comes is taken for final. */
export function believingAnyAbort(): void {
  speaking(
    (method) => (method.kind === 'transact' && method.attempt > 1 ? { ...method, attempt: 1 } : method),
    (outcome) => {
      if (outcome.kind !== 'failure' || outcome.failure.outcome !== 'not-committed') return outcome;
      const details = JSON.parse(outcome.failure.detailsJson || '{}') as object;
      const detailsJson = JSON.stringify({ ...details, tombstone: true });
      return { ...outcome, failure: { ...outcome.failure, detailsJson } };
    },
  );
}

/** A COMMIT whose answer is lost is taken for aborted: the function runs again. */
export function settlingNothing(): void {
  divert({
    settleOutcome: () => () =>
      Promise.resolve({ state: 'aborted', code: 'TRANSACTION_ABORTED', conflict: undefined }),
  });
}

export function sendingNoTokens(): void {
  vi.spyOn(Causality.prototype, 'token').mockImplementation(() => '');
}

/** A feed that goes on begins so many commits later than it should, or earlier. */
export function feedsGoingOnAt(offset: number): void {
  const { changes } = LocalKeyspace.prototype;
  vi.spyOn(LocalKeyspace.prototype, 'changes').mockImplementation(function (this: LocalKeyspace, request) {
    const from = request.from === undefined ? undefined : parseGtid(request.from);
    if (from === undefined || from.seqno < 1) return changes.call(this, request);
    return changes.call(this, { ...request, from: gtid(from.history, seqno(from.seqno + offset)) });
  });
}

/** Of a counter a feed shows what was added, not what it came to. */
export function feedsOfOperands(): void {
  divert({
    changesIn: (real) => (commit, range) =>
      real(commit, range)?.map((change) => {
        if (change.kind !== 'set' || change.value.value.kind !== 'counter') return change;
        const { key } = change;
        const written = commit.mutations.findLast((one) => 'operand' in one && one.key === key);
        const count = written !== undefined && 'operand' in written ? written.operand : 0n;
        return { ...change, value: { ...change.value, value: { kind: 'counter', count } } };
      }),
  });
}
