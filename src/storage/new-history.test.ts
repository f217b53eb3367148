import { describe, expect, it } from 'vitest';
import { begun, keyspaceId, reopen } from '../../test/support/begun-store.js';
import { atomic, Chain, key, set, testId, transaction } from '../../test/support/chain.js';
import type { FaultyDisk } from '../../test/support/faulty-database.js';
import { decodeEntry, entryHash } from '../model/entry.js';
import { epoch, logPosition, seqno, type KeyspaceId } from '../model/ids.js';
import { silentLogger } from '../runtime/runtime.js';
import { beginNewHistory, genesisOf, type NewHistory } from './new-history.js';
import { ApplyFailed, EntriesDoNotFollow, StoreDamaged, type Head } from './store.js';
import { entryKey } from './layout.js';

const base = seqno(1_000_000_000);
const second: NewHistory = {
  keyspaceId: '22222222-2222-4333-8444-555555555555' as KeyspaceId,
  keyspace: 'default',
  seqnoBase: base,
  nonce: Buffer.alloc(16, 8),
  nowMs: 5000,
};
const id = testId(77);

async function old(): Promise<{ disk: FaultyDisk; head: Head; hash: string }> {
  const { disk, store, chain } = await begun();
  const barrier = chain.barrier();
  const entries = Array.from({ length: 200 }, (_, i) =>
    chain.transactions([set(`k${i}`), atomic('sum', 'n', 1n)]),
  );
  await store.apply([barrier, ...entries, chain.batch([transaction(id, [set('last')])], 50)]);
  await store.elect(Buffer.alloc(16, 3));
  await store.trim(logPosition(150));
  const { hash } = await store.snapshot().stateHash();
  await store.close();
  return { disk, head: store.head, hash };
}

const begin = (disk: FaultyDisk, history = second): Promise<Head> =>
  beginNewHistory(disk.open, history, silentLogger);

describe('a new history', () => {
  it('begins with the state of the one before, above its seqnos and epochs, without its entries', async () => {
    const { disk, head: before, hash } = await old();
    const head = await begin(disk);
    expect(head).toMatchObject({
      keyspaceId: second.keyspaceId,
      position: 0,
      seqno: base,
      epoch: before.epoch + 1,
      nonce: second.nonce,
      logTimeMs: 5000,
      // What was lost of the log before may have settled any older id.
      idFloorMs: 5000,
    });
    const store = await reopen(disk);
    expect(store.head).toEqual(head);
    expect((await store.snapshot().stateHash()).hash).toBe(hash);
    expect(store.outcome(id)).toMatchObject({ kind: 'committed', seqno: 201 });
    expect(store.election).toBeUndefined();
    expect(store.replaced).toEqual([{ keyspaceId, position: before.position, seqno: before.seqno }]);
    expect(store.oldestPosition).toBe(1);
    expect(store.chainHashAt(0)).toEqual(head.chainHash);
    expect(store.chainHashAt(100)).toBeUndefined();
    const kinds = new Set(disk.keys().map((at) => at.toString('latin1', 0, 1)));
    expect([...kinds]).toEqual(['d', 'm', 'o', 's']);
  });

  it('has a genesis that its head alone tells, as long as nothing follows it', async () => {
    const { disk } = await old();
    const head = await begin(disk);
    const genesis = genesisOf(head, 'default');
    expect(entryHash(genesis)).toEqual(head.chainHash);
    expect(decodeEntry(genesis)).toMatchObject({
      kind: 'genesis',
      firstSeqno: base + 1,
      content: { keyspaceId: second.keyspaceId, keyspace: 'default' },
    });
    expect(() => genesisOf(head, 'another')).toThrow(/did not begin with a copy/);
    expect(() => genesisOf({ ...head, position: logPosition(1) }, 'default')).toThrow(/position 1/);
  });

  it('counts the outcomes as the one before, also when that had no records of their counts', async () => {
    for (const isCounted of [true, false]) {
      const { disk } = await old();
      const { outcomes, outcomesBytes } = (await reopen(disk)).kept;
      expect(outcomes).toBe(201);
      const records = disk.records('s');
      if (!isCounted) for (const [at] of records) disk.overwrite(Buffer.from(at, 'latin1'), undefined);
      await begin(disk);
      expect(disk.records('s')).toEqual(records);
      expect((await reopen(disk)).kept).toMatchObject({ outcomes, outcomesBytes });
    }
  });

  it('goes on with entries of its own, and is verified at the next start', async () => {
    const { disk } = await old();
    await begin(disk);
    const store = await reopen(disk);
    const chain = new Chain(store.head, undefined, 5000);
    const low = new Chain({ ...store.head, seqno: 202 }, undefined, 5000);
    await expect(store.apply([low.batch([], 5000)])).rejects.toThrow(EntriesDoNotFollow);
    const early = new Chain({ ...store.head, epoch: epoch(0) }, undefined, 5000);
    await expect(store.apply([early.batch([], 5000)])).rejects.toThrow('epoch');
    await store.apply([chain.batch([], 5000), chain.batch([transaction(testId(9000), [set('new')])], 5000)]);
    expect(store.head.seqno).toBe(base + 1);
    const again = await reopen(disk);
    expect(again.head).toEqual(store.head);
    expect(again.snapshot().get(key('new'))?.version).toBe(base + 1);
    disk.overwrite(entryKey(1), undefined);
    await expect(reopen(disk)).rejects.toThrow('entry 1 is missing');
  });

  it('may be begun again: the same one is there already, another one replaces it', async () => {
    const { disk, head: before } = await old();
    const head = await begin(disk);
    expect(await begin(disk, { ...second, nowMs: 9000 })).toEqual(head);
    const third = { ...second, keyspaceId: '33333333-2222-4333-8444-555555555555' as KeyspaceId, nowMs: 1 };
    const later = await begin(disk, third);
    expect(later).toMatchObject({ epoch: before.epoch + 2, logTimeMs: 5000 });
    expect((await reopen(disk)).replaced).toEqual([
      { keyspaceId, position: before.position, seqno: before.seqno },
      { keyspaceId: second.keyspaceId, position: 0, seqno: base },
    ]);
  });

  it('is begun or not when the write fails or power is lost', async () => {
    for (const fault of ['lost', 'written', 'poisoned'] as const) {
      const { disk, head: before } = await old();
      disk.faults.push(fault);
      await expect(begin(disk)).rejects.toThrow(ApplyFailed);
      disk.crash();
      const found = await reopen(disk);
      if (fault === 'written') expect(found.head.keyspaceId).toBe(second.keyspaceId);
      else expect(found.head).toEqual(before);
      const head = await begin(disk);
      disk.crash();
      expect((await reopen(disk)).head).toEqual(head);
    }
  });

  it('is not begun on a store that is damaged, empty, or above its seqno base', async () => {
    const { disk, head } = await old();
    await expect(begin(disk, { ...second, seqnoBase: seqno(head.seqno - 1) })).rejects.toThrow(
      'given already',
    );
    expect((await reopen(disk)).head).toEqual(head);
    disk.overwrite(entryKey(head.position), undefined);
    await expect(begin(disk)).rejects.toThrow(StoreDamaged);
    const empty = (await begun()).disk;
    for (const at of empty.keys()) empty.overwrite(at, undefined);
    await expect(begin(empty)).rejects.toThrow('without a history');
  });
});
