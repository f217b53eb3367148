import { expect, it } from 'vitest';
import type { Database } from '../../src/storage/store.js';
import { FaultyDisk } from './faulty-database.js';

const bytes = (text: string): Buffer => Buffer.from(text);

async function put(database: Database, text: string, sync: boolean): Promise<void> {
  const batch = database.batch().put(bytes(text), bytes('v'));
  await batch.write({ sync } as object);
}

const names = (disk: FaultyDisk): string[] => disk.keys().map(String);

it('keeps over a crash what was synced and what came before it, and nothing else', async () => {
  const disk = new FaultyDisk();
  const database = await disk.open();
  await put(database, 'a', false);
  await put(database, 'b', true);
  await put(database, 'c', false);
  expect(names(disk)).toEqual(['a', 'b', 'c']);
  disk.crash();
  expect(names(disk)).toEqual(['a', 'b']);
  await expect(put(database, 'd', true)).rejects.toThrow('crashed');
  expect(await (await disk.open()).keys().all()).toEqual([bytes('a'), bytes('b')]);
});

it('fails one batch as ordered, and a poisoned database keeps nothing any more', async () => {
  const disk = new FaultyDisk();
  const database = await disk.open();
  disk.faults.push('lost', 'written', 'poisoned');
  for (const text of ['a', 'b', 'c'])
    await expect(put(database, text, true)).rejects.toThrow('injected fault');
  await put(database, 'd', true);
  expect(database.getSync(bytes('d'))).toEqual(bytes('v'));
  expect(names(disk)).toEqual(['b']);
  await put(await disk.open(), 'e', true);
  expect(names(disk)).toEqual(['b', 'e']);
});
