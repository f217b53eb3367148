import { logPosition, type NodeId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { Retention } from '../model/retention.js';
import { delay, every, type Cancel, type Runtime } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { ToldByNode } from './told-by-node.js';

export interface RetentionPorts {
  readonly retention: Retention;
  readonly store: KeyspaceStore;
  /** The other nodes of the keyspace. */
  readonly others: readonly NodeId[];
  readonly told: () => readonly ToldByNode[];
  readonly runtime: Runtime;
}

const periodMs = 1000;
const pauseMsMin = 5;

/**
 * Drops entries and outcomes of this node's store that `Retention` no longer keeps. Looks every second; several trims
 * follow each other when much is due, with as much time between them for applies as each took. One that fails is logged
 * and tried again. The floor of the certification window rises with the entries only at the next start.
 */
export function startRetention(ports: RetentionPorts): Cancel {
  const trimmer = new Trimmer(ports);
  let isBusy = false;
  const cancel = every(ports.runtime.timers, periodMs, () => {
    if (isBusy) return;
    isBusy = true;
    trimmer
      .trimAllDue()
      .catch((error: unknown) => ports.runtime.logger.warn({ error }, 'the store was not trimmed'))
      .finally(() => (isBusy = false));
  });
  return () => {
    trimmer.stopped = true;
    cancel();
  };
}

class Trimmer {
  stopped = false;
  readonly #ports: RetentionPorts;
  /** Outcomes of ids below it have been dropped. */
  #trimmedFloorMs = 0;

  constructor(ports: RetentionPorts) {
    this.#ports = ports;
  }

  async trimAllDue(): Promise<void> {
    const { store, runtime } = this.#ports;
    while (!this.stopped && store.damage === undefined && store.halted === undefined) {
      const upTo = this.#upTo();
      const areOutcomesDue = this.#areOutcomesDue();
      if (upTo <= store.oldestPosition && !areOutcomesDue) return;
      const before = { floorMs: store.head.idFloorMs, outcomes: store.kept.outcomes };
      const startMs = runtime.clock.monotonicMs();
      await store.trim(logPosition(upTo));
      // A trim drops so many at the most; what it left of outcomes is seen by what it did.
      if (!areOutcomesDue || store.kept.outcomes >= before.outcomes) this.#trimmedFloorMs = before.floorMs;
      const tookMs = runtime.clock.monotonicMs() - startMs;
      await delay(runtime.timers, Math.max(tookMs, pauseMsMin));
    }
  }

  #upTo(): number {
    const { retention, store, others, told } = this.#ports;
    return trimPosition(store, retention, heldByAll(store.head.keyspaceId, others, told()));
  }

  #areOutcomesDue(): boolean {
    const { retention, store } = this.#ports;
    const risenMs = store.head.idFloorMs - this.#trimmedFloorMs;
    if (store.kept.outcomes === 0 || risenMs <= 0) return false;
    // So far that a trim has something to do.
    const stepMs = Math.min(limits.keptSpanMs, retention.outcomesMsMax / 16);
    return risenMs >= stepMs || store.kept.outcomesBytes > retention.outcomesBytesMax;
  }
}

/** The last position that all of them hold of this history; −1 as soon as one was never heard of, or holds nothing of it. */
export function heldByAll(
  keyspaceId: string | undefined,
  others: readonly NodeId[],
  told: readonly ToldByNode[],
): number {
  const heldBy = (node: NodeId): number => {
    const last = told.find((one) => one.node === node);
    return last?.keyspaceId === undefined || last.keyspaceId !== keyspaceId ? -1 : last.position;
  };
  return Math.min(Infinity, ...others.map(heldBy));
}

/** Entries below it go; not below the oldest kept, and the newest entry always stays. `heldMin`: what all other nodes hold. */
export function trimPosition(
  { head, kept }: Pick<KeyspaceStore, 'head' | 'kept'>,
  retention: Retention,
  heldMin: number,
): number {
  const newest = kept.positionWithin(retention.entriesBytesMin);
  const tooMuch = kept.positionWithin(retention.entriesBytesMax);
  const tooOld = Math.min(newest, kept.positionSince(head.logTimeMs - retention.entriesMsMax));
  const needless = Math.min(newest, heldMin + 1);
  const upTo = Math.max(kept.oldestPosition, tooMuch, tooOld, needless);
  return Math.max(0, Math.min(upTo, head.position));
}
