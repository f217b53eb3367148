import type { StorePlace } from '../../src/storage/store-place.js';
import type { Database } from '../../src/storage/store.js';
import { FaultyDisk, type StoredOperation } from './faulty-database.js';

/**
 * Where a keyspace's databases lie at a node, in memory: it outlives restarts of the node, and its disks take faults. An
 * exchange is atomic, as the one on disk is to whoever opens the place after a crash.
 */
export class MemoryPlace implements StorePlace {
  /** May be replaced while the node is down: a wiped or an older store. */
  current: FaultyDisk;
  /** Undefined when no copy is being brought in. */
  incoming: FaultyDisk | undefined;
  /** Oldest first. */
  readonly asides: { readonly name: string; readonly disk: FaultyDisk }[] = [];
  /** How the next exchanges fail, first one first: `before` nothing has changed, `after` it is done all the same. */
  readonly exchangeFaults: ('before' | 'after')[] = [];
  exchanges = 0;

  constructor(current = new FaultyDisk()) {
    this.current = current;
  }

  openCurrent(): Promise<Database> {
    return this.current.open();
  }

  openIncoming(): Promise<Database> {
    this.incoming ??= new FaultyDisk();
    return this.incoming.open();
  }

  probe(): Promise<void> {
    return this.current.probe();
  }

  dropIncoming(): Promise<void> {
    this.incoming = undefined;
    return Promise.resolve();
  }

  // Async, so that it rejects and does not throw.
  async exchange({ setAside }: { readonly setAside: boolean }): Promise<string | undefined> {
    await Promise.resolve();
    if (this.incoming === undefined) throw new Error('there is no incoming copy');
    const fault = this.exchangeFaults.shift();
    if (fault === 'before') throw new Error('injected fault: the exchange was not done');
    const before = this.current;
    const isEmpty = before.keys().length === 0;
    this.current = this.incoming;
    this.incoming = undefined;
    this.exchanges += 1;
    const name = setAside && !isEmpty ? `set-aside-${this.exchanges}` : undefined;
    if (name !== undefined) this.asides.push({ name, disk: before });
    if (fault === 'after') throw new Error('injected fault: the exchange was done');
    return name;
  }

  setAside(): Promise<readonly string[]> {
    return Promise.resolve(this.asides.map(({ name }) => name));
  }

  /** Power is lost: see FaultyDisk. */
  crash(survives?: (batch: readonly StoredOperation[]) => readonly StoredOperation[]): void {
    for (const disk of [this.current, this.incoming]) disk?.crash(survives);
  }
}
