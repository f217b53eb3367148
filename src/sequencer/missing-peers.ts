import type { NodeId } from '../model/ids.js';
import { delay, type Runtime } from '../runtime/runtime.js';

export interface ComparisonPorts {
  /** Every node of the keyspace, this one included. */
  readonly nodes: readonly NodeId[];
  /** Which peers a fixed home is compared with before its first append. */
  readonly compare: 'reachable' | 'all';
  /** Whether a node's clock has been compared with this one's. */
  readonly clockCompared: (node: NodeId) => boolean;
  readonly runtime: Runtime;
}

const compareMs = 5000;
const compareEveryMs = 50;

/**
 * Hellos are judged as they come; here it is only waited for them, and until clocks have been compared. Who must be waited for
 * longer, for people; undefined when nobody is missing, or `isOver`.
 */
export async function missingPeers(
  { nodes, compare, clockCompared, runtime }: ComparisonPorts,
  heard: () => { has(node: NodeId): boolean },
  isOver: () => boolean,
): Promise<string | undefined> {
  const startMs = runtime.clock.monotonicMs();
  for (;;) {
    const missing = nodes.filter((node) => !heard().has(node) || !clockCompared(node));
    if (missing.length === 0 || isOver()) return undefined;
    if (runtime.clock.monotonicMs() - startMs >= compareMs)
      return compare === 'all'
        ? `waiting for ${missing.join(', ')}, to compare histories and clocks`
        : undefined;
    await delay(runtime.timers, compareEveryMs);
  }
}
