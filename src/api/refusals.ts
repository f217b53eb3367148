import { fail, type Failure, type OutcomeWord } from '../model/errors.js';
import type { TransactionId } from '../model/ids.js';
import type { KeyspaceService } from '../transaction/service.js';

export function keyspaceNotFound(name: string): { readonly ok: false; readonly failure: Failure } {
  return fail('KEYSPACE_NOT_FOUND', `the cluster has no keyspace ${JSON.stringify(name)}`, {
    details: { keyspace: name },
  });
}

/** What this node can say of an id without asking anyone: what a refusal of a request that names it says. */
export function knownOutcome(service: KeyspaceService, id: TransactionId): OutcomeWord {
  try {
    const { state } = service.transactionState(id);
    switch (state) {
      case 'committed':
        return 'committed';
      case 'aborted':
        return 'not-committed';
      case 'open':
        // Open for operations: COMMIT has not been asked for.
        return service.open(id).ok ? 'not-committed' : 'unknown';
      case 'unknown':
        return 'unknown';
    }
  } catch {
    // A store that fails must not hide why the request was refused.
    return 'unknown';
  }
}
