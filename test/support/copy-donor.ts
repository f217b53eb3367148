import type { CopyChunk, CopyOrigin } from '../../src/storage/incoming-copy.js';
import { chunkHash, packRows } from '../../src/storage/packed-rows.js';
import type { KeyspaceStore, Row } from '../../src/storage/store.js';
import { begun } from './begun-store.js';
import { atomic, remove, set, type Chain } from './chain.js';

export const transferId = Buffer.alloc(16, 9);
const chunkBytes = 300;

/** A store, the chunks that a copy of it comes in, and entries that follow the copy. */
export interface Donor {
  readonly store: KeyspaceStore;
  readonly chain: Chain;
  readonly origin: CopyOrigin;
  readonly chunks: readonly CopyChunk[];
  /** That follow the copy. */
  readonly entries: readonly Buffer[];
}

export async function donor(): Promise<Donor> {
  const { store, chain } = await begun();
  for (let i = 0; i < 20; i++)
    await store.apply([chain.transactions([set(`key ${i}`, `value ${i}`, i % 3)])]);
  await store.apply([chain.transactions([atomic('sum', 'n', 5n)], [remove('key 7')])]);
  const snapshot = store.snapshot();
  const chunks: CopyChunk[] = [];
  for (;;) {
    const rows = await snapshot.rows(chunks.at(-1)?.rows.at(-1)?.key, chunkBytes);
    if (rows.length === 0) break;
    chunks.push(chunkOf(chunks.length + 1, rows));
  }
  snapshot.release();
  const origin = { transferId, head: store.head, replaced: [] };
  const entries = [
    chain.transactions([set('key 3', 'newer'), atomic('sum', 'n', 1n)]),
    chain.barrier(),
    chain.transactions([remove('key 4')], [set('last')]),
  ];
  await store.apply(entries);
  return { store, chain, origin, chunks, entries };
}

export function chunkOf(number: number, rows: readonly Row[]): CopyChunk {
  return { number, rows, packed: packRows(rows), hash: chunkHash(rows) };
}
