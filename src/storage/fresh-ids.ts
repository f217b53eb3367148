import type { TransactionId } from '../model/ids.js';
import { transactionTimeMs } from '../model/transaction-id.js';

const bitsPerGeneration = 1 << 20;
/** 16 bits for each, and 4 of them set: of the ids that are not there, 1 in 400 is taken for one that may be. */
const idsPerGeneration = bitsPerGeneration / 16;
const probes = 4;

interface Generation {
  readonly bits: Uint32Array;
  ids: number;
  newestMs: number;
}

function emptyGeneration(): Generation {
  return { bits: new Uint32Array(bitsPerGeneration / 32), ids: 0, newestMs: 0 };
}

/**
 * Tells most ids that have no outcome yet from those that may have one, without a look into the store: a Bloom filter
 * (Bloom 1970) of the ids that got an outcome lately, in two generations, and the time since which it knows them all.
 * Memory: 256 KiB.
 */
export class FreshIds {
  /** Every id with an outcome that was made at this time or later is noted. */
  #sinceMs: number;
  #young = emptyGeneration();
  #old = emptyGeneration();

  /** `newestMs`: no outcome that is there already is of an id made after it. */
  constructor(newestMs: number) {
    this.#sinceMs = newestMs + 1;
  }

  /** The id is about to get an outcome. */
  note(id: TransactionId): void {
    if (this.#young.ids === idsPerGeneration) this.#beginGeneration();
    const { bits } = this.#young;
    const [hash, step] = hashesOf(id);
    for (let i = 0, at = hash; i < probes; i++, at += step) {
      const bit = at & (bitsPerGeneration - 1);
      bits[bit >>> 5]! |= 1 << (bit & 31);
    }
    this.#young.ids += 1;
    this.#young.newestMs = Math.max(this.#young.newestMs, transactionTimeMs(id));
  }

  /** True only when the id has no outcome. */
  isFresh(id: TransactionId): boolean {
    if (transactionTimeMs(id) < this.#sinceMs) return false;
    const hashes = hashesOf(id);
    return !holds(this.#young, hashes) && !holds(this.#old, hashes);
  }

  #beginGeneration(): void {
    this.#sinceMs = Math.max(this.#sinceMs, this.#old.newestMs + 1);
    this.#old = this.#young;
    this.#young = emptyGeneration();
  }
}

function holds({ bits, ids }: Generation, [hash, step]: readonly [number, number]): boolean {
  if (ids === 0) return false;
  for (let i = 0, at = hash; i < probes; i++, at += step) {
    const bit = at & (bitsPerGeneration - 1);
    if ((bits[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

/** FNV-1a, and an odd step out of its upper bits (double hashing). */
function hashesOf(id: TransactionId): readonly [number, number] {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return [hash, (mixed >>> 12) | 1];
}
