import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockData, lockFileName } from './data-lock.js';

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'meridian-lock-'))));
afterEach(() => rm(directory, { recursive: true }));

it('refuses data that a living process holds, and names it', async () => {
  await lockData(directory);
  await expect(lockData(directory)).rejects.toThrow(
    `Another cluster (process ${process.pid}) already runs on`,
  );
});

it('gives the data back', async () => {
  const release = await lockData(directory);
  await release();
  expect(existsSync(join(directory, lockFileName))).toBe(false);
  await lockData(directory);
  expect(existsSync(join(directory, lockFileName))).toBe(true);
});

const gone = spawnSync(process.execPath, ['-e', '']).pid;
it.each([
  ['a process that is gone', JSON.stringify({ pid: gone, began: '1' })],
  ['a process whose id another has now', JSON.stringify({ pid: process.pid, began: '1' })],
  ['a process that died while it wrote', '{"pid":'],
])('takes over from %s', async (_, content) => {
  await writeFile(join(directory, lockFileName), content);
  await expect(lockData(directory)).resolves.toBeTypeOf('function');
});

it('makes the folder', async () => {
  await lockData(join(directory, 'a', 'b'));
  expect(existsSync(join(directory, 'a', 'b', lockFileName))).toBe(true);
});
