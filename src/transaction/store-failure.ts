import { failure, type Failure, type OutcomeWord, type Result } from '../model/errors.js';
import type { Logger } from '../runtime/runtime.js';
import { StoreClosed, StoreDamaged } from '../storage/store.js';

/** Turns what a store throws into an answer. `outcome` is what is then known of the transaction id. */
export async function answeringFailures<T>(
  work: () => Promise<Result<T>>,
  outcome: OutcomeWord,
  logger: Logger,
): Promise<Result<T>> {
  try {
    return await work();
  } catch (error) {
    return { ok: false, failure: { ...failureOf(error, logger), outcome } };
  }
}

/** The same of work that ends at once; it is about no transaction. */
export function answeringFailure<T>(work: () => Result<T>, logger: Logger): Result<T> {
  try {
    return work();
  } catch (error) {
    return { ok: false, failure: failureOf(error, logger) };
  }
}

function failureOf(error: unknown, logger: Logger): Failure {
  if (error instanceof StoreClosed) {
    return failure('NODE_NOT_READY', error.message, { details: { state: 'reopening' } });
  }
  if (error instanceof StoreDamaged) {
    return failure('NODE_INCONSISTENT', error.message, { details: { state: 'damaged' } });
  }
  logger.error({ error }, 'a request failed for a reason of its own');
  return failure('INTERNAL', 'the node failed to serve the request; its log has the cause');
}
