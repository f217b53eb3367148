import { Level } from 'level';
import type { Database } from './store.js';

const mib = 1024 * 1024;

/**
 * Opens the LevelDB in `directory`, which is made when it is not there. One process at a time; rejects when another has
 * it open. Damage that LevelDB itself notices is in the error's `cause`.
 */
export async function openLevelDatabase(directory: string): Promise<Database> {
  const database = new Level<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: 64 * mib,
    writeBufferSize: 16 * mib,
    maxFileSize: 8 * mib,
  });
  try {
    await database.open();
  } catch (error) {
    const { code } = (error as { cause?: { code?: unknown } }).cause ?? {};
    if (code === 'LEVEL_LOCKED')
      throw new Error(`${directory} is in use by another process`, { cause: error });
    throw error;
  }
  return database;
}
