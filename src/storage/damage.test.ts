import { describe, expect, it } from 'vitest';
import { begun, reopen } from '../../test/support/begun-store.js';
import { Chain, key, set, testId, transaction } from '../../test/support/chain.js';
import type { FaultyDisk } from '../../test/support/faulty-database.js';
import { dataKey, electionKey, entryKey, formatKey, headKey, outcomeKey } from './layout.js';
import { StoreClosed, StoreDamaged } from './store.js';

describe('damage', () => {
  type Damage = (disk: FaultyDisk) => void;
  const atOpen: [string, RegExp, Damage][] = [
    ['a missing entry', /^entry 2 is missing$/, (disk) => disk.overwrite(entryKey(2), undefined)],
    [
      'a missing last entry',
      /^entry 3 is missing: the head is 3$/,
      (disk) => disk.overwrite(entryKey(3), undefined),
    ],
    ['a flipped bit of an entry', /^entry 1 is damaged: checksum/, (disk) => disk.flipBit(entryKey(1), -9)],
    [
      'an entry of another place',
      /^entry 2 is in truth entry 1$/,
      (disk) => disk.overwrite(entryKey(2), disk.read(entryKey(1))),
    ],
    [
      'an entry above the head',
      /^entry 4 lies above the head 3$/,
      (disk) => disk.overwrite(entryKey(4), Buffer.alloc(9)),
    ],
    ['a flipped bit of the head', /^the checksum of the head record/, (disk) => disk.flipBit(headKey, 20)],
    ['a missing head', /head record is missing/, (disk) => disk.overwrite(headKey, undefined)],
    ['a missing format', /format or head record is missing/, (disk) => disk.overwrite(formatKey, undefined)],
    ['a flipped bit of the format', /^the checksum of the format/, (disk) => disk.flipBit(formatKey, 3)],
    [
      'a flipped bit of the election',
      /^the checksum of the election/,
      (disk) => disk.flipBit(electionKey, 3),
    ],
  ];

  async function filled(): Promise<FaultyDisk> {
    const { disk, store, chain } = await begun();
    for (const name of ['a', 'b', 'c']) await store.apply([chain.transactions([set(name)])]);
    await store.elect(Buffer.alloc(16, 1));
    await store.close();
    return disk;
  }

  it.each(atOpen)('is named at open: %s', async (_, message, damage) => {
    const disk = await filled();
    damage(disk);
    const attempt = reopen(disk);
    await expect(attempt).rejects.toThrow(StoreDamaged);
    await expect(attempt).rejects.toThrow(message);
  });

  it('is named when the head is that of another entry', async () => {
    const disk = await filled();
    const other = await begun();
    for (const name of ['a', 'b', 'x']) await other.store.apply([other.chain.transactions([set(name)])]);
    disk.overwrite(headKey, other.disk.read(headKey));
    await expect(reopen(disk)).rejects.toThrow('the head record is not that of entry 3');
  });

  it('of a record is named when it is read, and stops the store', async () => {
    const disk = await filled();
    disk.flipBit(dataKey(key('b')), -6);
    const store = await reopen(disk);
    const snapshot = store.snapshot();
    expect(snapshot.get(key('a'))?.version).toBe(1);
    expect(() => snapshot.get(key('b'))).toThrow(
      new StoreDamaged('the checksum of the record of key b is wrong'),
    );
    await expect(snapshot.getMany([key('b')])).rejects.toThrow(StoreDamaged);
    await expect(snapshot.stateHash()).rejects.toThrow(StoreDamaged);
    expect(store.damage).toBe('the checksum of the record of key b is wrong');
    await expect(store.apply([new Chain(store.head).barrier()])).rejects.toThrow(StoreDamaged);
  });

  it('shows when a record lies under another key', async () => {
    const disk = await filled();
    disk.overwrite(dataKey(key('b')), disk.read(dataKey(key('a'))));
    const store = await reopen(disk);
    expect(() => store.snapshot().get(key('b'))).toThrow(StoreDamaged);
  });

  it('of an outcome is named when it is read', async () => {
    const { disk, store, chain } = await begun();
    await store.apply([chain.batch([transaction(testId(5), [set('a')])])]);
    disk.flipBit(outcomeKey(testId(5)), 4);
    const again = await reopen(disk);
    expect(() => again.outcome(testId(5))).toThrow(`the checksum of the outcome of ${testId(5)} is wrong`);
  });

  it('of an entry after open is not served', async () => {
    const { disk, store, chain } = await begun();
    await store.apply([chain.barrier()]);
    disk.flipBit(entryKey(1), -9);
    disk.faults.push('lost');
    await expect(store.apply([chain.barrier()])).rejects.toThrow('injected');
    await expect(store.recover()).rejects.toThrow('entry 1 is damaged');
    expect(() => store.snapshot()).toThrow(StoreClosed);
  });
});
