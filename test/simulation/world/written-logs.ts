import { entryHash } from '../../../src/model/entry.js';
import { decodeHead, headKey, positionOfEntryKey } from '../../../src/storage/layout.js';
import type { Head } from '../../../src/storage/store.js';
import type { StoredOperation } from '../../support/faulty-database.js';
import type { SimDisk } from './sim-disk.js';

const entryPrefix = 'e'.charCodeAt(0);

type Standing = Pick<Head, 'position' | 'chainHash'>;

/** Every entry that reached the disk of a keyspace's home, the last one where one was written over; or its slot in etcd. */
export class WrittenLog {
  readonly #entries = new Map<number, Buffer>();
  /** Of a log in etcd: below this everything is trimmed. */
  #oldest = 0;
  #newest = -1;

  wrote(operations: readonly StoredOperation[]): void {
    for (const { type, key, value } of operations) {
      if (type === 'put' && key[0] === entryPrefix) this.#entries.set(positionOfEntryKey(key), value!);
    }
  }

  /** An entry is put into its slot in etcd. Returns what is wrong with that: a slot is written once, and for ever. */
  appended(position: number, bytes: Buffer): string[] {
    const before = this.#entries.get(position);
    this.#entries.set(position, bytes);
    const gap = position - this.#newest - 1;
    this.#newest = Math.max(this.#newest, position);
    if (position < this.#oldest) return [`slot ${position} is written again after it was trimmed`];
    if (before !== undefined)
      return [
        `slot ${position} is written twice, ${before.equals(bytes) ? 'with the same' : 'with other'} bytes`,
      ];
    return gap > 0 ? [`slot ${position} is written over a gap of ${gap}`] : [];
  }

  /** The slot in etcd is free again. Returns what is wrong with that. */
  trimmed(position: number): string[] {
    const before = this.#oldest;
    this.#oldest = Math.max(before, position + 1);
    return position === before ? [] : [`slot ${position} is trimmed where ${before} is the oldest`];
  }

  /** The lowest position that is kept in etcd. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The newest position of a log in etcd; −1: none. */
  get newest(): number {
    return this.#newest;
  }

  /** Undefined: it was never written. */
  at(position: number): Buffer | undefined {
    return this.#entries.get(position);
  }

  /** Whether a copy that stands there is a prefix of this log. */
  holds({ position, chainHash }: Standing): boolean {
    const bytes = this.#entries.get(position);
    return bytes !== undefined && entryHash(bytes).equals(chainHash);
  }
}

/** The logs of a world, by keyspace. */
export class WrittenLogs {
  readonly #logs = new Map<string, WrittenLog>();

  of(keyspace: string): WrittenLog {
    const log = this.#logs.get(keyspace) ?? new WrittenLog();
    this.#logs.set(keyspace, log);
    return log;
  }

  wrote(keyspace: string, operations: readonly StoredOperation[]): void {
    this.of(keyspace).wrote(operations);
  }
}

/** Where the copy on a disk stands; undefined when there is none. Throws when that cannot be read. */
export function standingOf(disk: SimDisk): Standing | undefined {
  const record = disk.read(headKey);
  return record === undefined ? undefined : decodeHead(record).head;
}

/** Where the copy on a disk stands after a loss of power, whatever that takes; undefined when there is none, or that is damaged. */
export function durableHead(disk: SimDisk): Standing | undefined {
  const record = disk.durable(headKey);
  try {
    return record === undefined ? undefined : decodeHead(record).head;
  } catch {
    return undefined;
  }
}
