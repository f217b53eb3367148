import type { StorePlace } from '../../../src/storage/store-place.js';
import type { StoredOperation } from '../../support/faulty-database.js';
import type { Incarnation } from './incarnation.js';
import type { SeededRandom } from './seeded-random.js';
import { durableHead } from './written-logs.js';
import { pause, SimDisk, type DiskHealth } from './sim-disk.js';

const exchangeMsMax = 30;

/** One copy takes the place of another. */
export interface Exchange {
  readonly before: SimDisk;
  readonly after: SimDisk;
  readonly setAside: boolean;
  /** By the operator's word. */
  readonly givenUp: boolean;
}

/** Who hears of what happens to the copies, at the moment when it does. */
export interface PlaceWatch {
  readonly wrote: (operations: readonly StoredOperation[]) => void;
  readonly exchanged: (exchange: Exchange) => void;
}

/** Where the copies of one keyspace lie at one node: they survive its lives, and share what is wrong with their disk. */
export class SimPlace {
  readonly health: DiskHealth = { slowMs: 0, hanging: false, full: false };
  readonly #random: SeededRandom;
  readonly #watch: PlaceWatch;
  readonly #aside = new Map<string, SimDisk>();
  #current: SimDisk;
  #incoming: SimDisk | undefined;
  #copies = 0;
  /** How often a copy was lost or set aside. */
  losses = 0;
  /** The operator has given the current copy up in this life of the node: no other remembers it. */
  givenUp = false;
  /** Bits of the current copy have flipped. */
  isDamaged = false;
  /** The highest position that a copy held here, durably, which is gone or damaged now. */
  heldBefore = -1;

  constructor(random: SeededRandom, watch: PlaceWatch) {
    this.#random = random;
    this.#watch = watch;
    this.#current = this.#newCopy();
  }

  get current(): SimDisk {
    return this.#current;
  }

  get incoming(): SimDisk | undefined {
    return this.#incoming;
  }

  get disks(): readonly SimDisk[] {
    return this.#incoming === undefined ? [this.#current] : [this.#current, this.#incoming];
  }

  /** Batches that were asked for and not yet answered. */
  get inFlight(): number {
    return this.disks.reduce((sum, disk) => sum + disk.inFlight, 0);
  }

  /** As one life of the node sees it. After its death nothing it still does changes anything. */
  of(life: Incarnation): StorePlace {
    return {
      openCurrent: () => this.#current.opener(life)(),
      openIncoming: () => (this.#incoming ??= this.#newCopy()).opener(life)(),
      probe: async () => {
        await this.#step(life);
        if (this.health.full) throw new Error('injected fault: the disk is full');
      },
      dropIncoming: async () => {
        await this.#step(life);
        this.#incoming = undefined;
        await this.#step(life);
      },
      exchange: async ({ setAside }) => {
        await this.#step(life);
        const name = this.#exchange(
          setAside,
          `set-aside-${new Date(life.runtime.clock.nowMs()).toISOString()}`,
        );
        await this.#step(life);
        return name;
      },
      setAside: () => Promise.resolve([...this.#aside.keys()]),
    };
  }

  #exchange(setAside: boolean, name: string): string | undefined {
    const [before, after] = [this.#current, this.#incoming];
    if (after === undefined)
      throw new Error('there is no incoming copy to take the place of the current one');
    this.noteHeld();
    this.#current = after;
    this.#incoming = undefined;
    this.isDamaged = false;
    this.#watch.exchanged({ before, after, setAside, givenUp: this.givenUp });
    this.givenUp = false;
    if (!setAside || before.keys().length === 0) return undefined;
    this.#aside.set(name, before);
    this.losses += 1;
    return name;
  }

  crash(): void {
    this.givenUp = false;
    for (const disk of this.disks) disk.crash();
  }

  /** Before the current copy is lost, or damaged. What is damaged already, and nobody has noticed, counts too: the node says so. */
  noteHeld(): void {
    this.heldBefore = Math.max(this.heldBefore, durableHead(this.#current)?.position ?? -1);
  }

  /** What was there is gone, but for copies that were set aside. While the node is down. */
  wipe(): void {
    this.noteHeld();
    this.givenUp = false;
    this.losses += 1;
    this.#current = this.#newCopy();
    this.#incoming = undefined;
    this.isDamaged = false;
  }

  /** Keeps what is there now. Returns what puts it there again, while the node is down; false: another copy is there by then. */
  backUp(): () => boolean {
    const disk = this.#current;
    const backup = disk.backup();
    return () => {
      if (this.#current !== disk) return false;
      this.noteHeld();
      this.givenUp = false;
      this.losses += 1;
      disk.restore(backup);
      this.#incoming = undefined;
      return true;
    };
  }

  /** No more faults from now on. */
  mend(): void {
    for (const disk of this.disks) disk.mend();
    Object.assign(this.health, { slowMs: 0, hanging: false, full: false } satisfies DiskHealth);
  }

  #newCopy(): SimDisk {
    const random = this.#random.fork(`copy ${++this.#copies}`);
    return new SimDisk(random, this.health, this.#watch.wrote);
  }

  /** What was asked of the disk may still happen after the death, as long as it was under way: here it does not. */
  #step(life: Incarnation): Promise<void> {
    return pause(life, this.#random.fraction() * (exchangeMsMax + this.health.slowMs));
  }
}
