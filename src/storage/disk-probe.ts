import { open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const bytesWritten = 1024 * 1024;

/**
 * Rejects when the disk has no room for what LevelDB writes when the database in `directory` is opened again (tables of
 * what is in its logs), or does not take 1 MiB in `file`, written and synced; that is removed again. What is free is asked
 * first, so that a probe never takes the last bytes from others on the same disk.
 */
export async function probeDisk(directory: string, file: string): Promise<void> {
  const needed = (await logBytes(directory)) + bytesWritten;
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free < needed) throw new Error(`no space left on device: ${free} bytes are free, ${needed} are needed`);
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(Buffer.alloc(bytesWritten));
    await handle.sync();
  } finally {
    await handle.close();
    await rm(file, { force: true });
  }
}

async function logBytes(directory: string): Promise<number> {
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(directory, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
