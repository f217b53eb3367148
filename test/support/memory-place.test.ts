import { expect, it } from 'vitest';
import type { Database } from '../../src/storage/store.js';
import { MemoryPlace } from './memory-place.js';

const name = Buffer.from('name');

async function write(database: Database, text: string): Promise<void> {
  await database
    .batch()
    .put(name, Buffer.from(text))
    .write({ sync: true } as object);
  await database.close();
}

const read = async (database: Database): Promise<string | undefined> => String(await database.get(name));

it('exchanges its disks, keeps those set aside, and survives a loss of power', async () => {
  const place = new MemoryPlace();
  await write(await place.openCurrent(), 'before');
  await write(await place.openIncoming(), 'copy');
  place.exchangeFaults.push('before', 'after');
  await expect(place.exchange({ setAside: true })).rejects.toThrow('not done');
  expect(await read(await place.openCurrent())).toBe('before');
  expect(await read(await place.openIncoming())).toBe('copy');
  await expect(place.exchange({ setAside: true })).rejects.toThrow('was done');
  expect(await read(await place.openCurrent())).toBe('copy');
  expect(await place.setAside()).toEqual(['set-aside-1']);
  await expect(place.exchange({ setAside: false })).rejects.toThrow('no incoming copy');

  await write(await place.openIncoming(), 'dropped');
  await place.dropIncoming();
  await write(await place.openIncoming(), 'newer');
  place.crash();
  expect(await place.exchange({ setAside: false })).toBeUndefined();
  expect(await read(await place.openCurrent())).toBe('newer');
  expect(await place.setAside()).toEqual(['set-aside-1']);
});
