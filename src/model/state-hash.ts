import { createHash, type Hash } from 'node:crypto';
import { ByteWriter } from './bytes.js';
import type { Key } from './keys.js';
import type { VersionedValue } from './value.js';

const bytesTag = 1;
const counterTag = 2;

/**
 * Writes what a present key adds to the state hash (docs/concepts/state-hash.md): key length u32, key, version u64,
 * expiry in ms u64 (0: none), kind u8; then for bytes: content type length u32, content type, value length u32, value;
 * for a counter: i64. Integers are big-endian. No two different records have the same bytes.
 */
function writeStateRecord(writer: ByteWriter, key: Key, record: VersionedValue): void {
  writer
    .u32(key.length)
    .rawLatin1(key)
    .u64(record.version)
    .u64(record.expiresAtMs ?? 0);
  const { value } = record;
  if (value.kind === 'counter') {
    writer.u8(counterTag).i64(value.count);
  } else {
    writer.u8(bytesTag).u32(value.contentType.length).rawLatin1(value.contentType);
    writer.u32(value.bytes.length).raw(value.bytes);
  }
}

const chunkBytes = 64 * 1024;

/** SHA-256 over the records of every present key, given in ascending order of keys. */
export class StateHasher {
  readonly #hash: Hash = createHash('sha256');
  #writer = new ByteWriter(chunkBytes);
  #keys = 0;

  add(key: Key, record: VersionedValue): void {
    writeStateRecord(this.#writer, key, record);
    this.#keys += 1;
    if (this.#writer.length >= chunkBytes) this.#flush();
  }

  #flush(): void {
    this.#hash.update(this.#writer.finish());
    this.#writer = new ByteWriter(chunkBytes);
  }

  /** The hash in lower-case hexadecimal and the number of keys. Ends the hasher. */
  digest(): { readonly hash: string; readonly keys: number } {
    this.#flush();
    return { hash: this.#hash.digest('hex'), keys: this.#keys };
  }
}
