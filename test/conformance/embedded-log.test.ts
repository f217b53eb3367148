import { mkdtemp, cp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openLevelDatabase } from '../../src/storage/level-database.js';
import type { OpenDatabase } from '../../src/storage/store.js';
import { openHome, type EmbeddedHome } from '../support/embedded-log.js';
import { FaultyDisk, withoutSync } from '../support/faulty-database.js';
import { lostAfterCrash, orderedLogConformance, type LogUnderTest, type MakeLog } from './ordered-log.js';

const folder = await mkdtemp(join(tmpdir(), 'meridian-embedded-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
let folders = 0;

function underTest({ log, store }: EmbeddedHome, crash: () => Promise<EmbeddedHome>): LogUnderTest {
  return {
    candidates: [log, log],
    crash: async () => underTest(await crash(), crash),
    close: async () => {
      await log.close();
      await store.close();
    },
  };
}

/** Over a disk that keeps only what was synced. */
function overDisk(opening: (open: OpenDatabase) => OpenDatabase): MakeLog {
  return async (beginning) => {
    const disk = new FaultyDisk();
    const open = opening(disk.open);
    const crash = (): Promise<EmbeddedHome> => {
      disk.crash();
      return openHome(open);
    };
    return underTest(await openHome(open, beginning), crash);
  };
}

/** Over LevelDB; a crash opens a copy of the files as they are, as after kill -9. */
const overLevelDb: MakeLog = async (beginning) => {
  const open = async (directory: string): Promise<LogUnderTest> => {
    const home = await openHome(
      () => openLevelDatabase(directory),
      directory.endsWith('-0') ? beginning : undefined,
    );
    return {
      candidates: [home.log, home.log],
      crash: async () => {
        const copy = `${directory}c`;
        await cp(directory, copy, { recursive: true });
        await home.store.close();
        return open(copy);
      },
      close: () => home.log.close().then(() => home.store.close()),
    };
  };
  return open(join(folder, `${folders++}-0`));
};

orderedLogConformance(
  'embedded log on a disk that drops what was not synced',
  overDisk((open) => open),
);
orderedLogConformance('embedded log on LevelDB', overLevelDb);

it('is found out when it does not sync: the crash check names what was lost', async () => {
  const violations = await lostAfterCrash(overDisk(withoutSync));
  expect(violations).toContain('acknowledged entry 5 is gone');
});
