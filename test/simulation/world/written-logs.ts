import { entryHash } from '../../../src/model/entry.js';
import { decodeHead, headKey, positionOfEntryKey } from '../../../src/storage/layout.js';
import type { Head } from '../../../src/storage/store.js';
import type { StoredOperation } from '../../support/faulty-database.js';
import type { SimDisk } from './sim-disk.js';

const entryPrefix = 'e'.charCodeAt(0);

type Standing = Pick<Head, 'position' | 'chainHash'>;

/** Every entry that reached the disk of a keyspace's home, the last one where one was written over. */
export class WrittenLog {
  readonly #entries = new Map<number, Buffer>();

  wrote(operations: readonly StoredOperation[]): void {
    for (const { type, key, value } of operations) {
      if (type === 'put' && key[0] === entryPrefix) this.#entries.set(positionOfEntryKey(key), value!);
    }
  }

  /** Throws when it was never written. */
  at(position: number): Buffer {
    const bytes = this.#entries.get(position);
    if (bytes === undefined) throw new Error(`the home never wrote entry ${position}`);
    return bytes;
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
