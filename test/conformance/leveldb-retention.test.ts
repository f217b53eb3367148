import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { logPosition } from '../../src/model/ids.js';
import type { Mutation } from '../../src/model/write-set.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import { openLevelDatabase } from '../../src/storage/level-database.js';
import { keyspaceId } from '../support/begun-store.js';
import { Chain, key, set } from '../support/chain.js';

it('on disk, use of it stays flat under endless writes', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-trim-'));
  const mib = 1024 * 1024;
  const keptBytes = 4 * mib;
  const store = await openKeyspaceStore(() => openLevelDatabase(folder), silentLogger);
  try {
    const chain = new Chain(store.head);
    await store.apply([chain.next({ kind: 'genesis', keyspaceId, keyspace: 'default' })]);
    const value = (): Mutation =>
      ({ ...set(`k${chain.tail.seqno % 8}`), bytes: randomBytes(mib / 8) }) as Mutation;
    const sizes: number[] = [];
    let trimmed = Promise.resolve();
    for (let round = 0; round < 14; round++) {
      for (let i = 0; i < 8; i++) {
        await store.apply(Array.from({ length: 8 }, () => chain.transactions([value()])));
      }
      await trimmed;
      sizes.push((await sizeOf(folder)) / mib);
      trimmed = store.trim(logPosition(store.kept.positionWithin(keptBytes)));
    }
    await trimmed;
    expect(store.kept.entriesBytes).toBeLessThanOrEqual(keptBytes);
    // Of 224 MiB of entries and data, whenever it has been compacted: what is kept, and a log of 16 MiB.
    expect(Math.min(...sizes.slice(7))).toBeLessThan(25);
    // At most: two logs, and as much that waits to be compacted.
    expect(Math.max(...sizes)).toBeLessThan(60);
    expect(store.snapshot().get(key('k1'))).toBeDefined();
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
});

it.each([20, 40_000])('tells roughly how large a copy of %i keys would be', async (keys) => {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-rows-'));
  const store = await openKeyspaceStore(() => openLevelDatabase(folder), silentLogger);
  try {
    const chain = new Chain(store.head);
    await store.apply([chain.next({ kind: 'genesis', keyspaceId, keyspace: 'default' })]);
    for (let done = 0; done < keys; done += 1000) {
      const names = Array.from({ length: Math.min(keys, 1000) }, (_, i) => `key ${done + i}`);
      await store.apply([chain.transactions(names.map((name) => set(name, name.repeat(12))))]);
    }
    const snapshot = store.snapshot();
    const rows = await snapshot.rows(undefined, Infinity);
    const bytes = rows.reduce((total, row) => total + row.key.length + row.value.length, 0);
    const told = await snapshot.rowsBytes();
    expect(told).toBeGreaterThan(bytes / 2);
    expect(told).toBeLessThan(bytes * 2);
    snapshot.release();
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
});

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    bytes += await stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
