import { encodeLatencies, newLatencies, recordMs } from './latencies.js';
import type { LoadReport, RunOrder } from './orders.js';
import type { Updated } from './store.js';

/** One operation of a client; throws when it failed. `conflict`: it may be tried again at once. */
export type Once = () => Promise<Updated>;

/** A client whose operation failed waits, so that a dead server is not flooded. */
const pauseAfterFailureMs = 5;

/**
 * Closed loop: every client waits for its answer before it sends the next request. An operation that met a conflict is
 * tried again at once, and its latency covers all its tries. Counted is what is answered from `beginMs` to before `endMs`.
 */
export async function runClosedLoop(
  clients: readonly Once[],
  { beginMs, endMs }: Pick<RunOrder, 'beginMs' | 'endMs'>,
): Promise<LoadReport> {
  const begin = beginMs - performance.timeOrigin;
  const end = endMs - performance.timeOrigin;
  const latencies = newLatencies();
  const failures: Record<string, number> = {};
  const counts = { measured: 0, acknowledged: 0, tries: 0, conflicts: 0 };
  const operate = async (once: Once): Promise<void> => {
    const sent = performance.now();
    for (;;) {
      const { kind, tries } = await once();
      const answered = performance.now();
      const counted = answered >= begin && answered < end;
      if (counted) {
        counts.tries += tries;
        counts.conflicts += kind === 'conflict' ? tries : tries - 1;
      }
      if (kind === 'committed') {
        counts.acknowledged += 1;
        if (!counted) return;
        counts.measured += 1;
        recordMs(latencies, answered - sent);
        return;
      }
      if (answered >= end) return;
    }
  };
  const client = async (once: Once): Promise<void> => {
    while (performance.now() < end) {
      try {
        await operate(once);
      } catch (error) {
        const reason = (error instanceof Error ? error.message : String(error)).slice(0, 100);
        failures[reason] = (failures[reason] ?? 0) + 1;
        await new Promise((resolve) => setTimeout(resolve, pauseAfterFailureMs));
      }
    }
  };
  const cpu = cpuBetween(begin, end);
  await Promise.all(clients.map(client));
  return { ...counts, latencies: encodeLatencies(latencies), failures, cpuMs: cpu() };
}

/** CPU time of this process from `begin` to `end`, ms; to be asked for after `end`. */
function cpuBetween(begin: number, end: number): () => number {
  let first = process.cpuUsage();
  let used: NodeJS.CpuUsage | undefined;
  setTimeout(() => (first = process.cpuUsage()), begin - performance.now());
  setTimeout(() => (used = process.cpuUsage(first)), end - performance.now());
  return () => {
    const { user, system } = used ?? process.cpuUsage(first);
    return (user + system) / 1000;
  };
}
