import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epoch, mintKeyspaceId, seqno } from '../model/ids.js';
import { silentLogger } from '../runtime/runtime.js';
import { emptyHead } from '../storage/follow.js';
import type { Head } from '../storage/store.js';
import { HeadNote } from './head-note.js';

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'meridian-note-'))));
afterEach(() => rm(directory, { recursive: true }));

const keyspaceId = mintKeyspaceId(Buffer.alloc(16, 1));
const at = (position: number): Head => ({
  ...emptyHead,
  ...{ keyspaceId, position, seqno: seqno(position), epoch: epoch(1), chainHash: Buffer.alloc(32, position) },
});
/** As after a start of the process. */
const note = (): HeadNote => new HeadNote(join(directory, 'default.head.json'));
const notedPosition = async (): Promise<unknown> =>
  (JSON.parse(await readFile(join(directory, 'default.head.json'), 'utf8')) as Head).position;

it('a store that stands where it was noted, or further, is not suspected', async () => {
  expect(await note().suspicion(at(3))).toBeUndefined();
  await note().write(at(3), silentLogger, false);
  for (const position of [3, 4]) expect(await note().suspicion(at(position))).toBeUndefined();
});

describe('a store that is behind, empty, other or of another history', () => {
  beforeEach(() => note().write(at(5), silentLogger, true));

  it.each([
    ['behind', at(4), /ends at position 4; it held 5/],
    ['empty', emptyHead, /is empty/],
    ['other', { ...at(5), chainHash: Buffer.alloc(32, 9) }, /another entry at position 5/],
    ['of another history', { ...at(9), keyspaceId: mintKeyspaceId(Buffer.alloc(16, 2)) }, /another history/],
  ])('%s is suspected, and again after every restart until all peers were compared', async (_, head, why) => {
    for (let restarts = 0; restarts < 3; restarts++) {
      const restarted = note();
      expect(await restarted.suspicion(head)).toMatch(why);
      await restarted.write(head, silentLogger, false);
    }
    expect(await notedPosition()).toBe(5);
  });

  it('is noted as it stands once it leads, for which it was compared with all', async () => {
    const suspected = note();
    await suspected.suspicion(at(4));
    await suspected.write(at(4), silentLogger, true);
    expect(await note().suspicion(at(4))).toBeUndefined();
  });

  it('is noted again when it has caught up with more than was noted', async () => {
    const suspected = note();
    await suspected.suspicion(at(2));
    for (const position of [3, 4, 5]) await suspected.write(at(position), silentLogger, false);
    expect(await note().suspicion(at(5))).toBeUndefined();
    await suspected.write(at(6), silentLogger, false);
    expect(await notedPosition()).toBe(6);
  });
});

describe('a store that a recovery gave a new history', () => {
  const [old, fresh] = [at(5), { ...at(0), keyspaceId: mintKeyspaceId(Buffer.alloc(16, 2)) }];
  const replaced = [{ keyspaceId, position: 5, seqno: seqno(5) }];

  it('is not suspected by the note of a history that it replaced', async () => {
    await note().write(old, silentLogger, true);
    expect(await note().suspicion(fresh, replaced)).toBeUndefined();
    expect(await note().suspicion(fresh)).toMatch(/another history/);
  });

  it('is noted at once, whatever was noted before', async () => {
    await note().write(old, silentLogger, true);
    const suspected = note();
    await suspected.suspicion(fresh);
    await suspected.renew(fresh);
    expect(await suspected.noted()).toMatchObject({ keyspaceId: fresh.keyspaceId, position: 0 });
    expect(await note().suspicion(fresh)).toBeUndefined();
    await suspected.write({ ...fresh, position: 1 }, silentLogger, false);
    expect(await notedPosition()).toBe(1);
  });
});
