import { HealthImplementation, type ServingStatusMap } from 'grpc-health-check';
import { every } from '../../runtime/runtime.js';
import { publicServiceName } from '../../transport/public-api/service.js';
import { readinessOf } from '../readiness.js';
import type { GrpcContext } from './methods.js';

export interface Health {
  readonly implementation: HealthImplementation;
  /** Nothing is served any more. */
  stop(): void;
}

const periodMs = 250;

/**
 * The official health service. `""` and the API's name serve when every keyspace serves reads, as /readyz says;
 * `<the API's name>/<keyspace>` when that one does. Looked at every 250 ms.
 */
export function watchHealth({ node, runtime }: GrpcContext): Health {
  const implementation = new HealthImplementation(statuses(node, () => false));
  let stopped = false;
  const look = async (): Promise<void> => {
    const ready = new Set<string>();
    for (const service of node.keyspaces()) {
      const { name, ready: isReady } = await readinessOf(service, 'read');
      if (isReady && !node.draining) ready.add(name);
    }
    if (stopped) return;
    set(
      implementation,
      statuses(node, (keyspace) => ready.has(keyspace)),
    );
  };
  const cancel = every(runtime.timers, periodMs, () => {
    look().catch((error: unknown) => runtime.logger.error({ err: error }, 'health could not be looked at'));
  });
  return {
    implementation,
    stop: () => {
      stopped = true;
      cancel();
      set(
        implementation,
        statuses(node, () => false),
      );
    },
  };
}

function set(implementation: HealthImplementation, all: ServingStatusMap): void {
  for (const [service, status] of Object.entries(all)) implementation.setStatus(service, status);
}

function statuses(node: GrpcContext['node'], isReady: (keyspace: string) => boolean): ServingStatusMap {
  const names = node.keyspaces().map(({ name }) => name);
  const word = (serves: boolean) => (serves ? 'SERVING' : 'NOT_SERVING');
  const whole = word(names.every(isReady));
  const each = names.map((name) => [`${publicServiceName}/${name}`, word(isReady(name))] as const);
  return { '': whole, [publicServiceName]: whole, ...Object.fromEntries(each) };
}
