import type { Database, OpenDatabase } from '../../../src/storage/store.js';
import { FaultyDisk } from '../../support/faulty-database.js';
import type { Incarnation } from './incarnation.js';
import type { SeededRandom } from './seeded-random.js';

interface TakesBatches {
  _batch(operations: unknown, options: unknown): Promise<void>;
}

const writeMsMax = 4;
const ackMsMax = 2;

/** A disk of one keyspace at one node: it survives its node. Writes take time, in two steps: reaching it, and saying so. */
export class SimDisk extends FaultyDisk {
  readonly #random: SeededRandom;
  /** Batches that were asked for and not yet answered. */
  inFlight = 0;

  constructor(random: SeededRandom) {
    super();
    this.#random = random;
  }

  /** How one life of the node opens it. After its death nothing it still does reaches the disk. */
  opener(life: Incarnation): OpenDatabase {
    return async () => {
      const database = await this.open();
      const takes = database as unknown as TakesBatches;
      const batch = takes._batch.bind(database);
      takes._batch = async (operations, options) => {
        this.inFlight += 1;
        await pause(life, this.#random.fraction() * writeMsMax);
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

  /** The node died: what was not synced is gone, what was under way is never answered. */
  override crash(): void {
    super.crash();
    this.inFlight = 0;
  }
}

/** Never resolves when the life ends before. */
function pause(life: Incarnation, delayMs: number): Promise<void> {
  return new Promise((resolve) => life.after(delayMs, resolve));
}

export type { Database };
