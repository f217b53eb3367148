import type { Key } from '../model/keys.js';
import type { VersionedValue } from '../model/value.js';

/** What a record takes beside its key and bytes, about. */
const recordOverheadBytes = 256;
/** A longer value that is written is read again rather than copied. */
const copyBytesMax = 1024;

/**
 * Records of a store's newest state, so that a key read often costs no look into LevelDB. What is read joins; what is
 * written and is here is replaced. In two generations: when the young one has half of the bytes, the old one, which was
 * not asked for since, goes.
 */
export class RecordCache {
  readonly #bytesMax: number;
  #young = new Map<Key, VersionedValue>();
  #old = new Map<Key, VersionedValue>();
  #youngBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(key: Key): VersionedValue | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.add(key, old);
    return old;
  }

  /** A record of the newest state. It is kept as it is, so it must not share memory with more than itself. */
  add(key: Key, record: VersionedValue): void {
    this.#young.set(key, record);
    this.#youngBytes += recordBytes(key, record);
    if (this.#youngBytes <= this.#bytesMax / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  /** The key has been written: `record` is what it holds now, in memory that may be shared; undefined: it is absent. */
  replace(key: Key, record: VersionedValue | undefined): void {
    const before = this.#young.get(key);
    if (before !== undefined) {
      this.#young.delete(key);
      this.#youngBytes -= recordBytes(key, before);
    } else if (!this.#old.delete(key)) return;
    if (record === undefined) return;
    const { value } = record;
    if (value.kind === 'counter') this.add(key, record);
    else if (value.bytes.length <= copyBytesMax) {
      const bytes = Uint8Array.prototype.slice.call(value.bytes);
      this.add(key, { ...record, value: { ...value, bytes } });
    }
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#youngBytes = 0;
  }
}

function recordBytes(key: Key, { value }: VersionedValue): number {
  return key.length + recordOverheadBytes + (value.kind === 'bytes' ? value.bytes.length : 8);
}
