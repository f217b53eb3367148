import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { directoryPlace } from './directory-place.js';
import { probeDisk } from './disk-probe.js';

let folder: string;
let database: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meridian-probe-'));
  [database, file] = [join(folder, 'default'), join(folder, 'default.probe')];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('a disk with room is written, and nothing stays of it', async () => {
  await mkdir(database);
  await probeDisk(database, file);
  expect(await readdir(folder)).toEqual(['default']);
});

it('a disk that takes no file, or has no database, fails the probe', async () => {
  await expect(probeDisk(database, file)).rejects.toThrow('ENOENT');
  await mkdir(database);
  await expect(probeDisk(database, join(folder, 'away', 'file'))).rejects.toThrow('ENOENT');
});

it('what a crash left of a probe is gone once the database was opened, and hurts no probe', async () => {
  const place = directoryPlace(database, { nowMs: () => 0 });
  await (await place.openCurrent()).close();
  await writeFile(file, 'left behind');
  const opened = await place.openCurrent();
  expect(await readdir(folder)).toEqual(['default']);
  await place.probe();
  expect(await readdir(folder)).toEqual(['default']);
  await opened.close();
});
