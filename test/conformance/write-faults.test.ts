import { expect, it } from 'vitest';
import { logPosition } from '../../src/model/ids.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { ApplyFailed, StoreClosed, StoreDamaged } from '../../src/storage/store.js';
import { initHistory } from '../../src/ordering/embedded/init-history.js';
import { LogClosed } from '../../src/ordering/ordered-log.js';
import { entryKey } from '../../src/storage/layout.js';
import { Chain, key, set } from '../support/chain.js';
import { openHome, type EmbeddedHome } from '../support/embedded-log.js';
import { FaultyDisk, type BatchFault } from '../support/faulty-database.js';
import { eventually } from '../support/eventually.js';
import { appendNext, beginning, chainAt, led, nonceA } from './ordered-log.js';

async function homeOn(disk: FaultyDisk): Promise<EmbeddedHome> {
  return openHome(disk.open, disk.opens === 0 ? beginning : undefined);
}

const faults: BatchFault[] = ['lost', 'written', 'poisoned'];

it.each(faults)('append knows its outcome after a batch that fails and is %s', async (fault) => {
  const disk = new FaultyDisk();
  const { log, store } = await homeOn(disk);
  const fence = await led(log, nonceA);
  const chain = await chainAt(log, nonceA);
  const told: number[] = [];
  store.onApplied((applied) => told.push(...applied.map(({ entry }) => entry.position)));
  await appendNext(log, fence, chain, 'before');
  disk.faults.push(fault);
  expect(await appendNext(log, fence, chain, 'during')).toBe('durable');
  expect(await appendNext(log, fence, chain, 'after')).toBe('durable');
  expect(told).toEqual([1, 2, 3]);
  disk.crash();
  const again = await homeOn(disk);
  expect(await again.log.tail()).toEqual(chain.tail);
  const snapshot = again.store.snapshot();
  const versions = ['before', 'during', 'after'].map((text) => snapshot.get(key(text))?.version);
  expect(versions).toEqual([1, 2, 3]);
});

it('append survives faults of recovery itself, one after another', async () => {
  const disk = new FaultyDisk();
  const { log } = await homeOn(disk);
  const fence = await led(log, nonceA);
  const chain = await chainAt(log, nonceA);
  disk.faults.push('written', 'lost', 'poisoned', 'lost');
  disk.openFaults.push(new Error('disk is away'), new Error('disk is still away'));
  expect(await appendNext(log, fence, chain)).toBe('durable');
  expect(disk.faults).toEqual([]);
  expect(disk.openFaults).toEqual([]);
  disk.crash();
  expect(await (await homeOn(disk)).log.tail()).toEqual(chain.tail);
});

it('append ends with LogClosed when the log is closed while the disk is away', async () => {
  const disk = new FaultyDisk();
  const { log } = await homeOn(disk);
  const fence = await led(log, nonceA);
  const chain = await chainAt(log, nonceA);
  disk.faults.push('lost');
  const away = new Error('disk is away');
  disk.openFaults.push(...Array.from({ length: 1000 }, () => away));
  const outcome = appendNext(log, fence, chain).catch((error: unknown) => error);
  await eventually(() => disk.openFaults.length < 990);
  await log.close();
  expect(await outcome).toBeInstanceOf(LogClosed);
});

it('an election that failed to be written deposes nobody and can be repeated', async () => {
  const disk = new FaultyDisk();
  const { log } = await homeOn(disk);
  const fence = await led(log, nonceA);
  const chain = await chainAt(log, nonceA);
  disk.faults.push('lost');
  expect(await log.lead(Buffer.alloc(16, 3))).toEqual({ notNow: expect.stringContaining('injected fault') });
  expect(await appendNext(log, fence, chain)).toBe('durable');
  await led(log, Buffer.alloc(16, 3));
  expect(await appendNext(log, fence, chain)).toBe('deposed');
});

it('a damaged store cannot be led, and says what is wrong', async () => {
  const disk = new FaultyDisk();
  const { log } = await homeOn(disk);
  const fence = await led(log, nonceA);
  const chain = await chainAt(log, nonceA);
  await appendNext(log, fence, chain);
  await appendNext(log, fence, chain);
  disk.overwrite(entryKey(1), undefined);
  disk.faults.push('lost');
  await expect(appendNext(log, fence, chain)).rejects.toThrow(StoreDamaged);
  expect(await log.lead(nonceA)).toEqual({ notNow: 'the store is damaged: entry 1 is missing' });
});

it('a store halts on a failed batch, serves its last snapshot, and goes on after recovery', async () => {
  const disk = new FaultyDisk();
  const { store } = await homeOn(disk);
  const chain = new Chain(store.head);
  await store.apply([chain.transactions([set('kept')])]);
  const before = store.snapshot();
  disk.faults.push('written');
  const doubtful = chain.transactions([set('doubtful')]);
  await expect(store.apply([doubtful])).rejects.toThrow(ApplyFailed);
  await expect(store.apply([doubtful])).rejects.toThrow('halted');
  expect(store.head.position).toBe(1);
  expect(store.snapshot().get(key('kept'))?.version).toBe(1);
  expect(store.snapshot().get(key('doubtful'))).toBeUndefined();

  const heard: (number | string)[] = [];
  store.onApplied((applied, head) => {
    for (const { entry, outcomes } of applied) heard.push(entry.position, outcomes[0]!.outcome.kind);
    heard.push(head.position);
  });
  expect((await store.recover()).position).toBe(2);
  expect(heard).toEqual([2, 'committed', 2]);
  expect(() => before.get(key('kept'))).toThrow(StoreClosed);
  expect(store.snapshot().get(key('doubtful'))?.version).toBe(2);
});

it('a halted store is read as it was for as long as its disk takes no writes, and goes on after that', async () => {
  const disk = new FaultyDisk();
  await homeOn(disk);
  const store = await openKeyspaceStore(disk.open, silentLogger, disk.probe);
  const chain = new Chain(store.head);
  await store.apply([chain.transactions([set('kept')])]);
  const before = store.snapshot();
  const { opens } = disk;
  disk.failing = new Error('EIO: i/o error');
  const entry = chain.transactions([set('later')]);
  await expect(store.apply([entry])).rejects.toThrow('EIO');
  for (let i = 0; i < 3; i++) await expect(store.recover()).rejects.toThrow(ApplyFailed);
  expect({ opened: disk.opens - opens, probes: disk.probes }).toEqual({ opened: 0, probes: 3 });
  expect(store.halted).toMatch('EIO');
  await expect(store.apply([entry])).rejects.toThrow(ApplyFailed);
  for (const snapshot of [before, store.snapshot()]) expect(snapshot.get(key('kept'))?.version).toBe(1);
  expect(await store.entries(logPosition(1), 0)).toHaveLength(1);
  disk.failing = undefined;
  expect((await store.recover()).position).toBe(1);
  expect(() => before.get(key('kept'))).toThrow(StoreClosed);
  await store.apply([entry]);
  expect(store.snapshot().get(key('later'))?.version).toBe(2);
});

it('what recovery finds counts only once it is synced again', async () => {
  const disk = new FaultyDisk();
  const { store } = await homeOn(disk);
  const chain = new Chain(store.head);
  const heard: number[] = [];
  store.onApplied((applied) => heard.push(applied.length));
  disk.faults.push('written', 'lost');
  await expect(store.apply([chain.transactions([set('x')])])).rejects.toThrow(ApplyFailed);
  await expect(store.recover()).rejects.toThrow(ApplyFailed);
  expect(heard).toEqual([]);
  expect(store.head.position).toBe(0);
  expect((await store.recover()).position).toBe(1);
  expect(heard).toEqual([1]);
});

it('recovery names acknowledged entries that the disk has lost', async () => {
  const disk = new FaultyDisk();
  const { store } = await homeOn(disk);
  const chain = new Chain(store.head);
  const older = disk.keys().map((at) => [at, disk.read(at)] as const);
  await store.apply([chain.transactions([set('x')]), chain.transactions([set('y')])]);
  disk.faults.push('lost');
  await expect(store.apply([chain.transactions([set('z')])])).rejects.toThrow(ApplyFailed);
  for (const at of disk.keys()) disk.overwrite(at, undefined);
  for (const [at, value] of older) disk.overwrite(at, value);
  await expect(store.recover()).rejects.toThrow('entries 1 to 2, which were durable, are gone');
  expect(store.damage).toMatch('entries 1 to 2');
  await expect(store.apply([])).rejects.toThrow(StoreDamaged);
});

it('a genesis in doubt is there after recovery, or can be written again', async () => {
  for (const fault of ['lost', 'written'] as const) {
    const disk = new FaultyDisk();
    const store = await openKeyspaceStore(disk.open, silentLogger);
    disk.faults.push(fault);
    const genesis = new Chain(store.head).next({
      kind: 'genesis',
      keyspaceId: beginning.keyspaceId,
      keyspace: 'k',
    });
    await expect(store.apply([genesis])).rejects.toThrow(ApplyFailed);
    expect((await store.recover()).position).toBe(fault === 'written' ? 0 : -1);
    if (fault === 'lost') await store.apply([genesis]);
    expect(store.entryHeader(logPosition(0))?.kind).toBe('genesis');
  }
});

it('a history begins once', async () => {
  const { store } = await homeOn(new FaultyDisk());
  await expect(initHistory(store, beginning)).rejects.toThrow(
    `holds history ${beginning.keyspaceId} already`,
  );
  expect(store.head).toMatchObject({ keyspaceId: beginning.keyspaceId, position: 0 });
});
