import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directoryPlace, diskFiles, type PlaceFiles } from './directory-place.js';
import type { StorePlace } from './store-place.js';
import type { OpenDatabase } from './store.js';

const clock = { nowMs: () => Date.UTC(2026, 10, 22, 5, 48, 51, 77) };
const name = Buffer.from('name');
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meridian-place-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const place = (files?: PlaceFiles): StorePlace => directoryPlace(join(folder, 'data', 'eu'), clock, files);

async function write(open: OpenDatabase, text: string): Promise<void> {
  const database = await open();
  await database.put(name, Buffer.from(text));
  await database.close();
}

async function read(open: OpenDatabase): Promise<string | undefined> {
  const database = await open();
  const value = await database.get(name);
  await database.close();
  return value?.toString();
}

const contents = async (of: StorePlace): Promise<string | undefined> => read(() => of.openCurrent());
const names = async (): Promise<string[]> => (await readdir(join(folder, 'data'))).sort();

async function filled(of: StorePlace): Promise<void> {
  await write(() => of.openCurrent(), 'before');
  await write(() => of.openIncoming(), 'copy');
}

/** Does its first `calls` changes, and of the next one nothing, or all (`torn`) without saying so. */
function cutOff(calls: number, torn: boolean): PlaceFiles & { readonly isCut: () => boolean } {
  let left = calls;
  let cut = false;
  const step = async (change: () => Promise<void>): Promise<void> => {
    if (cut) throw new Error('gone');
    if (left-- > 0) return change();
    cut = true;
    if (torn) await change();
    throw new Error('cut off');
  };
  return {
    names: (directory) => diskFiles.names(directory),
    rename: (from, to) => step(() => diskFiles.rename(from, to)),
    remove: (directory) => step(() => diskFiles.remove(directory)),
    sync: (directory) => step(() => diskFiles.sync(directory)),
    isCut: () => cut,
  };
}

describe('a place on disk', () => {
  it('makes what is not there, and keeps the two apart', async () => {
    const at = place();
    await filled(at);
    expect(await contents(at)).toBe('before');
    expect(await read(() => at.openIncoming())).toBe('copy');
    await at.dropIncoming();
    await at.dropIncoming();
    expect(await names()).toEqual(['eu']);
    expect(await read(() => at.openIncoming())).toBeUndefined();
  });

  it('exchanges them, and removes the one before or sets it aside under the time', async () => {
    const at = place();
    await filled(at);
    expect(await at.exchange({ setAside: false })).toBeUndefined();
    expect(await contents(at)).toBe('copy');
    expect(await names()).toEqual(['eu']);

    const asides = ['eu.set-aside-20261122T054851Z', 'eu.set-aside-20261122T054851Z-2'];
    for (const aside of asides) {
      await write(() => at.openIncoming(), `after ${aside}`);
      expect(await at.exchange({ setAside: true })).toBe(aside);
      expect(await contents(at)).toBe(`after ${aside}`);
    }
    expect(await at.setAside()).toEqual(asides);
    expect(await names()).toEqual(['eu', ...asides]);
  });

  it('puts a copy in place where nothing was', async () => {
    const at = place();
    await write(() => at.openIncoming(), 'copy');
    expect(await at.exchange({ setAside: true })).toBeUndefined();
    expect(await contents(at)).toBe('copy');
    expect(await at.setAside()).toEqual([]);
  });

  it('has nothing to exchange without a copy', async () => {
    const at = place();
    await write(() => at.openCurrent(), 'before');
    await expect(at.exchange({ setAside: false })).rejects.toThrow('ENOENT');
    expect(await contents(at)).toBe('before');
  });

  it.each([
    { setAside: false, torn: false },
    { setAside: false, torn: true },
    { setAside: true, torn: false },
    { setAside: true, torn: true },
  ])('holds the one before or the whole copy wherever it is cut off: %o', async ({ setAside, torn }) => {
    const found: (string | undefined)[] = [];
    for (let calls = 0; ; calls++) {
      await rm(join(folder, 'data'), { recursive: true, force: true });
      await filled(place());
      const files = cutOff(calls, torn);
      const done = await place(files)
        .exchange({ setAside })
        .then(
          () => true,
          () => false,
        );
      expect(done).toBe(!files.isCut());

      // Finishing may be cut off too, at each step.
      for (let again = 0; ; again++) {
        const retried = cutOff(again, torn);
        const settled = await place(retried)
          .setAside()
          .catch(() => undefined);
        if (settled !== undefined) break;
      }
      const at = place();
      found.push(await contents(at));
      const isCopy = found.at(-1) === 'copy';
      expect(await at.setAside()).toHaveLength(isCopy && setAside ? 1 : 0);
      const rest = isCopy ? (setAside ? ['eu.set-aside-20261122T054851Z'] : []) : ['eu.incoming'];
      expect(await names()).toEqual(['eu', ...rest]);
      if (done) break;
    }
    const decided = found.indexOf('copy');
    expect(found).toEqual(found.map((_, i) => (i < decided ? 'before' : 'copy')));
    expect(decided).toBeGreaterThan(0);
    expect(found.length).toBeGreaterThan(3);
  });
});
