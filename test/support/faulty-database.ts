import { MemoryLevel } from 'memory-level';
import type { Database, OpenDatabase } from '../../src/storage/store.js';

export interface StoredOperation {
  readonly type: 'put' | 'del';
  readonly key: Buffer;
  readonly value?: Buffer;
}

/** abstract-level's private API, by which an implementation takes a batch. */
interface TakesBatches {
  _batch(operations: readonly StoredOperation[], options: { readonly sync?: boolean }): Promise<void>;
}

/**
 * How the next batch goes wrong; each rejects. `lost`: it is not written. `written`: it is on the disk all the same.
 * `poisoned`: it is not written, and what the same open database writes later is acknowledged but not found after a
 * reopen, as LevelDB does after ENOSPC.
 */
export type BatchFault = 'lost' | 'written' | 'poisoned';

/** A disk in memory under databases that are opened one after another, with faults to order. */
export class FaultyDisk {
  /** The faults of the batches to come, first one first. */
  readonly faults: BatchFault[] = [];
  /** Rejections of the next opens. */
  readonly openFaults: Error[] = [];
  /** While it is there, every batch fails with it, poisoned, and every probe. */
  failing: Error | undefined;
  #hanging: Promise<void> | undefined;
  readonly #durable = new Map<string, Buffer>();
  #unsynced: (readonly StoredOperation[])[] = [];
  /** How often a database was opened. */
  opens = 0;
  /** How often it crashed. */
  crashes = 0;
  /** How often it was asked whether it takes writes. */
  probes = 0;

  readonly open: OpenDatabase = async (): Promise<Database> => {
    const fault = this.openFaults.shift();
    if (fault !== undefined) throw fault;
    this.opens += 1;
    const database = new FaultyLevel(this);
    await database.open();
    await database.load(this.#contents());
    return database;
  };

  /** As StorePlace's. */
  readonly probe = async (): Promise<void> => {
    this.probes += 1;
    await Promise.resolve();
    if (this.failing !== undefined) throw this.failing;
  };

  /** Writes neither end nor fail until what is returned is called. */
  hang(): () => void {
    let end: () => void = () => {};
    this.#hanging = new Promise((resolve) => (end = resolve));
    return () => {
      this.#hanging = undefined;
      end();
    };
  }

  get hanging(): Promise<void> | undefined {
    return this.#hanging;
  }

  /**
   * Power is lost: what was not written with `sync`, or before a batch that was, is gone but for what `survives` of each
   * batch. Databases that are open write nothing more.
   */
  crash(survives: (batch: readonly StoredOperation[]) => readonly StoredOperation[] = () => []): void {
    this.crashes += 1;
    for (const batch of this.#unsynced) for (const kept of survives(batch)) store(this.#durable, kept);
    this.#unsynced = [];
  }

  write(operations: readonly StoredOperation[], sync: boolean): void {
    this.#unsynced.push(operations);
    if (!sync) return;
    for (const batch of this.#unsynced) for (const operation of batch) store(this.#durable, operation);
    this.#unsynced = [];
  }

  /** Flips the lowest bit of one byte of a record, counted from the end when negative; seen at the next open. */
  flipBit(key: Buffer, at: number): void {
    const name = key.toString('latin1');
    const damaged = Buffer.from(this.#durable.get(name)!);
    const index = at < 0 ? damaged.length + at : at;
    damaged[index] = damaged[index]! ^ 1;
    this.#durable.set(name, damaged);
  }

  /** Puts a record there, or removes it when `value` is undefined; seen at the next open. */
  overwrite(key: Buffer, value: Buffer | undefined): void {
    if (value === undefined) this.#durable.delete(key.toString('latin1'));
    else this.#durable.set(key.toString('latin1'), value);
  }

  /** What a loss of power would leave for sure. */
  backup(): ReadonlyMap<string, Buffer> {
    return new Map(this.#durable);
  }

  /** A record that a loss of power would leave for sure. */
  durable(key: Buffer): Buffer | undefined {
    return this.#durable.get(key.toString('latin1'));
  }

  /** Puts an older state in the place of everything; seen at the next open. */
  restore(backup: ReadonlyMap<string, Buffer>): void {
    this.#unsynced = [];
    this.#durable.clear();
    for (const [name, value] of backup) this.#durable.set(name, value);
  }

  read(key: Buffer): Buffer | undefined {
    return this.#contents().get(key.toString('latin1'));
  }

  /** Every database key that is there, in order. */
  keys(): Buffer[] {
    return [...this.#contents().keys()].sort().map((name) => Buffer.from(name, 'latin1'));
  }

  /** All records of some kinds, by the first letters of their keys (latin1), in the order of the keys. */
  records(kinds: string): [key: string, value: Buffer][] {
    return [...this.#contents()]
      .filter(([name]) => kinds.includes(name[0]!))
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #contents(): Map<string, Buffer> {
    const contents = new Map(this.#durable);
    for (const batch of this.#unsynced) for (const operation of batch) store(contents, operation);
    return contents;
  }
}

function store(records: Map<string, Buffer>, { type, key, value }: StoredOperation): void {
  const name = key.toString('latin1');
  if (type === 'put') records.set(name, value!);
  else records.delete(name);
}

const memoryBatch = (MemoryLevel.prototype as unknown as TakesBatches)._batch;

class FaultyLevel extends MemoryLevel<Buffer, Buffer> {
  readonly #disk: FaultyDisk;
  readonly #crashesBefore: number;
  #poisoned = false;

  constructor(disk: FaultyDisk) {
    super({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
    this.#disk = disk;
    this.#crashesBefore = disk.crashes;
  }

  async load(contents: ReadonlyMap<string, Buffer>): Promise<void> {
    const operations = [...contents].map(([name, value]) => ({
      type: 'put' as const,
      key: Buffer.from(name, 'latin1'),
      value,
    }));
    await memoryBatch.call(this, operations, {});
  }

  /** Called by abstract-level for array and chained batches. */
  async _batch(operations: readonly StoredOperation[], options: { readonly sync?: boolean }): Promise<void> {
    await this.#disk.hanging;
    if (this.#crashesBefore !== this.#disk.crashes)
      throw new Error('this database was open when the disk crashed');
    const { failing } = this.#disk;
    const fault = failing === undefined ? this.#disk.faults.shift() : 'poisoned';
    if (fault === 'poisoned') this.#poisoned = true;
    if (!this.#poisoned && fault !== 'lost') this.#disk.write(operations, options.sync === true);
    if (fault !== undefined) throw failing ?? new Error(`injected fault: ${fault}`);
    await memoryBatch.call(this, operations, options);
  }
}

/** Opens databases whose batches are never synced: what a store would be that forgets to. */
export function withoutSync(open: OpenDatabase): OpenDatabase {
  return async () => {
    const database = await open();
    const unsynced = database as unknown as TakesBatches;
    const batch = unsynced._batch.bind(database);
    unsynced._batch = (operations) => batch(operations, { sync: false });
    return database;
  };
}
