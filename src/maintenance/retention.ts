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
const pauseMsMax = 1000;
/** Of one look; the rest is left to the next. */
const trimsMax = 100;

/**
 * Drops entries and outcomes of this node's store that `Retention` no longer keeps. Looks every second; several trims
 * follow each other when much is due, with as much time between them for applies as each took, a second at most. One that
 * fails is logged and tried again. The floor of the certification window rises with the entries only at the next start.
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
  #failed = false;
  /** Outcomes of ids made before it went with the last trim. */
  #trimmedBeforeMs = 0;

  constructor(ports: RetentionPorts) {
    this.#ports = ports;
  }

  async trimAllDue(): Promise<void> {
    const { store, runtime } = this.#ports;
    // On an idle keyspace nobody else would find the store halted by a trim.
    if (this.#failed && store.damage === undefined) await store.recover();
    for (let trims = 0; trims < trimsMax && !this.stopped && this.#isWritable(); trims++) {
      const upTo = this.#upTo();
      if (upTo <= store.oldestPosition && !this.#areOutcomesDue()) return;
      const beforeMs = this.#outcomesBeforeMs();
      const startMs = runtime.clock.monotonicMs();
      this.#failed = true;
      await store.trim(logPosition(upTo), beforeMs);
      this.#failed = false;
      this.#trimmedBeforeMs = beforeMs;
      const tookMs = runtime.clock.monotonicMs() - startMs;
      await delay(runtime.timers, Math.min(Math.max(tookMs, pauseMsMin), pauseMsMax));
    }
  }

  #isWritable(): boolean {
    const { damage, halted } = this.#ports.store;
    return damage === undefined && halted === undefined;
  }

  /** A recovery raises the floor at once; the young outcomes that it saved are kept for who still asks. */
  #outcomesBeforeMs(): number {
    const { retention, store } = this.#ports;
    return Math.max(0, Math.min(store.head.idFloorMs, store.head.logTimeMs - retention.outcomesMsMin));
  }

  /** When it has passed a span of ids' times, and on until none of the oldest span is below it. */
  #areOutcomesDue(): boolean {
    const { kept } = this.#ports.store;
    if (kept.outcomes === 0) return false;
    const beforeMs = this.#outcomesBeforeMs();
    const secondSpanMs = kept.outcomesSince(kept.outcomesBytes - 1);
    return secondSpanMs <= beforeMs || beforeMs - this.#trimmedBeforeMs >= limits.keptSpanMs;
  }

  #upTo(): number {
    const { retention, store, others, told } = this.#ports;
    return trimPosition(store, retention, heldByAll(store.head.keyspaceId, others, told()));
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
