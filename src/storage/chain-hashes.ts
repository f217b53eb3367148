import { ByteWriter } from '../model/bytes.js';
import { entryHash, hashBytes, verifyEntryBytes, zeroHash } from '../model/entry.js';
import { limits } from '../model/limits.js';
import { entryKey, everything, numberedKey, seal, unseal } from './layout.js';
import type { SharedState } from './shared-state.js';
import type { Row } from './store.js';
import type { Operation } from './write-batch.js';

/** Chain hashes in one record, those of positions whose quotient by this is the record's number; zeros where none is known. */
const recordHashes = 64;

/** The chain hash after the entry at `position`; undefined when it is not kept. */
export function chainHashAt(state: SharedState, position: number): Buffer | undefined {
  const { head, oldestPosition, hashBeforeOldest } = state;
  if (position === -1) return zeroHash;
  if (position === head.position) return head.chainHash;
  if (position === oldestPosition - 1) return hashBeforeOldest;
  if (position < 0 || position > head.position) return undefined;
  if (position < oldestPosition) return droppedHashAt(state, position);
  const bytes = state.read(entryKey(position));
  if (bytes === undefined) return undefined;
  verifyEntryBytes(bytes);
  return entryHash(bytes);
}

function droppedHashAt(state: SharedState, position: number): Buffer | undefined {
  const hashes = readRecord(state, Math.floor(position / recordHashes));
  const at = (position % recordHashes) * hashBytes;
  const hash = hashes?.subarray(at, at + hashBytes);
  return hash === undefined || hash.equals(zeroHash) ? undefined : hash;
}

function readRecord(state: SharedState, number: number): Buffer | undefined {
  const key = numberedKey('hashes', number);
  const record = state.read(key);
  if (record === undefined) return undefined;
  const what = (): string => `the record of chain hashes from position ${number * recordHashes} on`;
  return unseal(key, record, what).raw(recordHashes * hashBytes);
}

/** The records that hold `hashes` too, which are of positions from `from` on. */
export function hashRows(state: SharedState, from: number, hashes: readonly Buffer[]): Row[] {
  const records = new Map<number, Buffer>();
  for (const [i, hash] of hashes.entries()) {
    const number = Math.floor((from + i) / recordHashes);
    let record = records.get(number);
    if (record === undefined) {
      record = Buffer.alloc(recordHashes * hashBytes);
      readRecord(state, number)?.copy(record);
      records.set(number, record);
    }
    record.set(hash, ((from + i) % recordHashes) * hashBytes);
  }
  return [...records].map(([number, record]) => {
    const key = numberedKey('hashes', number);
    return { key, value: seal(key, new ByteWriter(record.length + 4).raw(record)) };
  });
}

/** Drops records that lie wholly further than limits.chainHashesMax below `oldestPosition`, some at a time. */
export async function forgetHashes(state: SharedState, oldestPosition: number): Promise<Operation[]> {
  const first = Math.floor((oldestPosition - limits.chainHashesMax) / recordHashes);
  if (first <= 0) return [];
  const range = { gte: everything('hashes').gte, lt: numberedKey('hashes', first), limit: 1000 };
  const keys = await state.database.keys({ ...range, snapshot: state.snapshot } as object).all();
  return keys.map((key) => ({ type: 'del', key }));
}
