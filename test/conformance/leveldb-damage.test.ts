import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { entryHash } from '../../src/model/entry.js';
import { logPosition } from '../../src/model/ids.js';
import { initHistory } from '../../src/ordering/embedded/init-history.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import { openLevelDatabase } from '../../src/storage/level-database.js';
import type { IncomingCopy } from '../../src/storage/incoming-copy.js';
import { beginIncomingCopy, openIncomingCopy } from '../../src/storage/level-incoming-copy.js';
import { chunkHash, packRows } from '../../src/storage/packed-rows.js';
import { StoreDamaged, type KeyspaceStore } from '../../src/storage/store.js';
import { Chain, key, set } from '../support/chain.js';
import { beginning } from './ordered-log.js';

const entryCount = 60;
/** LevelDB's log is cut into blocks; a wrong checksum drops the rest of its block. */
const blockBytes = 32 * 1024;
let folder: string;
let original: string;
let copies = 0;
const hashes: Buffer[] = [];

const open = (directory: string): Promise<KeyspaceStore> =>
  openKeyspaceStore(() => openLevelDatabase(directory), silentLogger);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meridian-damage-'));
  original = join(folder, 'original');
  const store = await open(original);
  await initHistory(store, beginning);
  hashes.push(store.head.chainHash);
  const chain = new Chain(store.head);
  for (let i = 1; i <= entryCount; i++) {
    const bytes = chain.transactions([set(`key ${i}`, 'v'.repeat(2000))]);
    await store.apply([bytes]);
    hashes.push(entryHash(bytes));
  }
  await store.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A copy of the store whose LevelDB log is changed by `damage`. */
async function damaged(damage: (log: Buffer) => Buffer): Promise<string> {
  const copy = join(folder, `copy-${copies++}`);
  await cp(original, copy, { recursive: true });
  const logs = (await readdir(copy)).filter((name) => name.endsWith('.log'));
  expect(logs).toHaveLength(1);
  const path = join(copy, logs[0]!);
  await writeFile(path, damage(await readFile(path)));
  return copy;
}

/** Verifies that the store is a prefix of the history, whole, and goes on; returns its last position. */
async function expectPrefix(store: KeyspaceStore): Promise<number> {
  const { position, chainHash } = store.head;
  if (position >= 0) {
    expect(chainHash).toEqual(hashes[position]);
    expect(await store.entries(logPosition(0), Number.MAX_SAFE_INTEGER)).toHaveLength(position + 1);
    const snapshot = store.snapshot();
    for (let i = 1; i <= entryCount; i++) {
      expect(snapshot.get(key(`key ${i}`))?.version).toBe(i <= position ? i : undefined);
    }
    snapshot.release();
    await store.apply([new Chain(store.head).transactions([set('next')])]);
  }
  return position;
}

it('the log that is damaged here spans several blocks', async () => {
  const copy = await damaged((log) => {
    expect(log.length).toBeGreaterThan(5 * blockBytes);
    return log;
  });
  const store = await open(copy);
  expect(await expectPrefix(store)).toBe(entryCount);
  await store.close();
});

it.each([1, 100, 2500, 10_000, 2 * blockBytes, 4 * blockBytes + 77])(
  'opens with a shorter, dense prefix when the last %i bytes of the log are cut off',
  async (cut) => {
    const copy = await damaged((log) => log.subarray(0, log.length - cut));
    const store = await open(copy);
    const position = await expectPrefix(store);
    expect(position).toBeLessThan(entryCount);
    expect(position).toBeGreaterThan(-1);
    await store.close();
  },
);

it.each([1, 100, 3000])('opens with a shorter prefix when the last %i bytes are torn', async (torn) => {
  const copy = await damaged((log) => Buffer.from(log).fill(0xa5, log.length - torn));
  const store = await open(copy);
  const position = await expectPrefix(store);
  expect(position).toBeLessThan(entryCount);
  await store.close();
});

it.each([1, 2, 3])('names the first missing entry when a bit flips in block %i of the log', async (block) => {
  const copy = await damaged((log) => {
    const changed = Buffer.from(log);
    const at = block * blockBytes + 5000;
    changed[at] = changed[at]! ^ 1;
    return changed;
  });
  const refusal = await open(copy).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(StoreDamaged);
  expect((refusal as Error).message).toMatch(/^entry \d+ is missing/);
  const again = await open(copy).catch((error: unknown) => error);
  expect((again as Error).message).toBe((refusal as Error).message);
});

it('serves a prefix or names damage, wherever a bit flips', async () => {
  const size = (
    await readFile(
      join(
        original,
        (await readdir(original)).find((n) => n.endsWith('.log'))!,
      ),
    )
  ).length;
  const verdicts = { prefix: 0, damage: 0 };
  for (let at = 3; at < size; at += Math.floor(size / 40)) {
    const copy = await damaged((log) => {
      const changed = Buffer.from(log);
      changed[at] = changed[at]! ^ 0x10;
      return changed;
    });
    try {
      const store = await open(copy);
      await expectPrefix(store);
      await store.close();
      verdicts.prefix += 1;
    } catch (error) {
      expect(error).toBeInstanceOf(StoreDamaged);
      verdicts.damage += 1;
    }
    await rm(copy, { recursive: true });
  }
  expect(verdicts.damage).toBeGreaterThan(20);
});

it('names a damaged table when LevelDB cannot read it', async () => {
  const copy = join(folder, 'tables');
  await cp(original, copy, { recursive: true });
  await (await open(copy)).close();
  const tables = (await readdir(copy)).filter((name) => name.endsWith('.ldb'));
  expect(tables.length).toBeGreaterThan(0);
  const path = join(copy, tables[0]!);
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 4096));
  const outcome = await open(copy).then(
    async (store) => {
      const snapshot = store.snapshot();
      return snapshot.stateHash().catch((error: unknown) => error);
    },
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(StoreDamaged);
});

it('drops an entry only when its batch has left the log, where a hole below the oldest could not be seen', async () => {
  const copy = join(folder, 'trimmed');
  await cp(original, copy, { recursive: true });
  const store = await open(copy);
  const chain = new Chain(store.head);
  for (let i = 0; i < 20; i++) await store.apply([chain.transactions([set(`more ${i}`, 'v'.repeat(2000))])]);
  const logBytes = async (): Promise<number> => {
    const names = (await readdir(copy)).filter((name) => name.endsWith('.log'));
    const logs = await Promise.all(names.map((name) => readFile(join(copy, name))));
    return logs.reduce((total, log) => total + log.length, 0);
  };
  expect(await logBytes()).toBeGreaterThan(20 * 2000);
  await store.trim(logPosition(entryCount + 10));
  expect(await logBytes()).toBeLessThan(10_000);
  await store.close();
});

/** A copy of the store with all of its chunks in LevelDB's log, broken off before it is finished. */
async function unfinishedCopy(
  directory: string,
): Promise<{ chunks: number; hash: string; copy: IncomingCopy }> {
  const donor = await open(original);
  const snapshot = donor.snapshot();
  const origin = { transferId: Buffer.alloc(16, 1), head: donor.head, replaced: [] };
  const copy = await beginIncomingCopy(() => openLevelDatabase(directory), origin, silentLogger);
  let after: Buffer | undefined;
  for (;;) {
    const rows = await snapshot.rows(after, 8 * 1024);
    if (rows.length === 0) break;
    const number = copy.progress.chunks + 1;
    await copy.addChunk({ number, rows, packed: packRows(rows), hash: chunkHash(rows) });
    after = rows.at(-1)!.key;
  }
  const { hash } = await snapshot.stateHash();
  snapshot.release();
  await donor.close();
  return { chunks: copy.progress.chunks, hash, copy };
}

it('a copy whose log is damaged anywhere is resumed before the damage or dropped, never a store that is not whole', async () => {
  const received = join(folder, 'received');
  const { chunks, hash, copy } = await unfinishedCopy(received);
  await copy.close();
  expect(chunks).toBeGreaterThan(10);
  const name = (await readdir(received)).find((file) => file.endsWith('.log'))!;
  const log = await readFile(join(received, name));
  expect(log.length).toBeGreaterThan(3 * blockBytes);
  const verdicts = { resumed: 0, dropped: 0, whole: 0 };
  for (let at = 3; at < log.length; at += Math.floor(log.length / 40)) {
    const directory = join(folder, `damaged-${at}`);
    await cp(received, directory, { recursive: true });
    const changed = Buffer.from(log);
    changed[at] = changed[at]! ^ 0x10;
    await writeFile(join(directory, name), changed);
    const openDamaged = () => openLevelDatabase(directory);
    const found = await openIncomingCopy(openDamaged, silentLogger).catch((error: unknown) => error);
    if (found instanceof Error || found === undefined) {
      if (found !== undefined) expect(found).toBeInstanceOf(StoreDamaged);
      verdicts.dropped += 1;
    } else {
      const resumed = found as IncomingCopy;
      const refusal = await resumed.finish(chunks).catch((error: unknown) => error);
      if (refusal === undefined) {
        await resumed.replay(() => undefined);
        const store = await open(directory);
        expect((await store.snapshot().stateHash()).hash).toBe(hash);
        await store.close();
        verdicts.whole += 1;
      } else {
        expect(refusal).toBeInstanceOf(StoreDamaged);
        await resumed.close();
        await expect(open(directory)).rejects.toThrow(StoreDamaged);
        verdicts.resumed += 1;
      }
    }
    await rm(directory, { recursive: true });
  }
  expect(verdicts.dropped).toBeGreaterThan(10);
  expect(verdicts.dropped + verdicts.resumed).toBeGreaterThan(30);
});

it('finish finds a row that is lost in the tables', async () => {
  const directory = join(folder, 'lost-row');
  const { chunks, copy } = await unfinishedCopy(directory);
  await copy.close();
  const database = await openLevelDatabase(directory);
  await database.del(Buffer.from('dkey 30'));
  await database.close();
  const resumed = (await openIncomingCopy(() => openLevelDatabase(directory), silentLogger))!;
  await expect(resumed.finish(chunks)).rejects.toThrow(/^the rows of chunk \d+ are not those that came/);
  await resumed.close();
  await expect(open(directory)).rejects.toThrow(StoreDamaged);
});
