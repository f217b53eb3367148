import type { OpenDatabase } from '../../../src/storage/store.js';
import { FaultyDisk, type StoredOperation } from '../../support/faulty-database.js';
import type { Incarnation } from './incarnation.js';
import type { SeededRandom } from './seeded-random.js';

interface TakesBatches {
  _batch(operations: unknown, options: unknown): Promise<void>;
}

/** What slows or fills a disk does so to every copy on it. */
export interface DiskHealth {
  /** Added to what a write takes, at the most. */
  slowMs: number;
  /** Writes neither end nor fail. */
  hanging: boolean;
  /** No batch finds room. */
  full: boolean;
}

const writeMsMax = 4;
const ackMsMax = 2;
/** Between two looks whether a disk goes on. */
const hangMs = 20;

/** One copy of one keyspace at one node: it survives its node. Writes take time, in two steps: reaching it, and saying so. */
export class SimDisk extends FaultyDisk {
  readonly #random: SeededRandom;
  readonly #health: DiskHealth;
  /** Batches that were asked for and not yet answered. */
  inFlight = 0;
  /** Batches that reached it. */
  writes = 0;
  readonly #onWrite: (operations: readonly StoredOperation[]) => void;

  /** `onWrite`: called with what has reached the disk. */
  constructor(
    random: SeededRandom,
    health: DiskHealth,
    onWrite: (operations: readonly StoredOperation[]) => void,
  ) {
    super();
    this.#onWrite = onWrite;
    this.#random = random;
    this.#health = health;
  }

  /** How one life of the node opens it. After its death nothing it still does reaches the disk. */
  opener(life: Incarnation): OpenDatabase {
    return async () => {
      const database = await this.open();
      const takes = database as unknown as TakesBatches;
      const batch = takes._batch.bind(database);
      takes._batch = async (operations, options) => {
        this.inFlight += 1;
        await pause(life, this.#random.fraction() * (writeMsMax + this.#health.slowMs));
        while (this.#health.hanging) await pause(life, hangMs);
        if (this.#health.full) this.faults.unshift('poisoned');
        try {
          await batch(operations, options);
        } finally {
          await pause(life, this.#random.fraction() * ackMsMax);
          this.inFlight -= 1;
        }
      };
      return database;
    };
  }

  override write(operations: readonly StoredOperation[], sync: boolean): void {
    super.write(operations, sync);
    this.writes += 1;
    this.#onWrite(operations);
  }

  /** The node died: of what was not synced any part may be gone, what was under way is never answered. */
  override crash(): void {
    // What was not synced goes from some moment on, or here and there and in the middle of a batch.
    const isTorn = this.#random.chance(0.3);
    let isLost = false;
    super.crash((batch) => {
      isLost ||= this.#random.chance(0.3);
      if (!isTorn) return isLost ? [] : batch;
      const kept = this.#random.weighted([
        [1, 0],
        [1, this.#random.between(0, batch.length)],
        [1, batch.length],
      ]);
      return batch.slice(0, kept);
    });
    this.inFlight = 0;
  }

  /** No more faults from now on. */
  mend(): void {
    this.faults.length = 0;
    this.openFaults.length = 0;
  }
}

/** Never resolves when the life ends before. */
export function pause(life: Incarnation, delayMs: number): Promise<void> {
  return new Promise((resolve) => life.after(delayMs, resolve));
}
