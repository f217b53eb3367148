import { limits } from '../model/limits.js';
import type { FreshnessFields } from '../transport/public-api/messages.js';
import type { Calls } from './calls.js';
import type { Bounds } from './session.js';

/** At least as new as all that this client has seen. A node that takes long to get there gives way to another. */
export function freshnessOf(
  calls: Calls,
  keyspace: string,
  causal: boolean,
  bounds: Bounds,
): FreshnessFields {
  const timeoutMs = Math.ceil(Math.max(1, Math.min(calls.leftMs(bounds), limits.causalTimeoutMsDefault)));
  return { causal, token: calls.causality.token(keyspace), timeoutMs };
}
