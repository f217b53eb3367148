import { keyFromText } from '../model/keys.js';
import { limits } from '../model/limits.js';
import type { KeyspaceService } from '../transaction/service.js';

// A type, so that it is a JsonValue.
export type Readiness = {
  readonly name: string;
  readonly ready: boolean;
  readonly state: string;
  readonly detail?: string;
};

/** Any key will do: what is asked is whether a read is served at all. */
const probe = [keyFromText('readyz')];

/** Asks what a request would: a local read, and for writes whether a COMMIT would be taken. */
export async function readinessOf(service: KeyspaceService, purpose: 'read' | 'write'): Promise<Readiness> {
  const read = await service.read(probe, {
    causal: false,
    token: undefined,
    timeoutMs: limits.causalTimeoutMsDefault,
  });
  const { name, state, writable, detail } = service.status();
  const ready = read.ok && (purpose === 'read' || writable);
  const why = read.ok ? detail : (detail ?? read.failure.message);
  return { name, ready, state, ...(why === undefined ? {} : { detail: why }) };
}
