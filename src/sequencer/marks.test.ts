import { afterEach, expect, it } from 'vitest';
import { begun } from '../../test/support/begun-store.js';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { oneShot, put, valueOf } from '../../test/support/requests.js';
import { decodeEntry, type Entry } from '../model/entry.js';
import { logPosition, type LogPosition } from '../model/ids.js';
import { markAfter } from './mark.js';

let cluster: InProcessCluster | undefined;
afterEach(() => cluster?.stop());

async function entryAt(position: LogPosition): Promise<Entry> {
  const [bytes] = await cluster!.parts('home').store.entries(position, 0);
  return decodeEntry(bytes!);
}

it('a mark follows the log like any entry, has no transaction, and leaves the id floor as it was', async () => {
  const { store } = await begun();
  const before = { ...store.head, nonce: store.head.nonce };
  const { entry, tip } = markAfter(before, before.logTimeMs - 500, 'here');
  await store.apply([entry]);
  expect(store.head).toMatchObject({ position: 1, seqno: before.seqno, idFloorMs: before.idFloorMs });
  expect(tip).toEqual({ ...store.head });
  expect(decodeEntry(entry)).toMatchObject({ count: 0, content: { kind: 'mark', mark: 'here' } });
  await store.close();
});

it('marks take their turn between batches while commits gather, and each is found at the position that is told', async () => {
  cluster = await InProcessCluster.start();
  const { check } = cluster.parts('home');
  const writes = Array.from({ length: 50 }, (_, n) =>
    cluster!.keyspace('home').transact(oneShot({ mutations: [put(`k${n}`)] })),
  );
  // Both are asked for before either is in the log.
  const [first, second] = (await Promise.all([check.check(), check.check()])).map(valueOf);
  expect(second).toEqual(first);
  const marked = await entryAt(logPosition(first!.position));
  expect(marked.content).toEqual({ kind: 'mark', mark: first!.mark });
  for (const written of await Promise.all(writes)) valueOf(written);
  await eventually(() => cluster!.status('home').check?.verdict === 'equal', { withinMs: 15_000 });
  const { mark } = valueOf(await check.check());
  expect(mark).not.toBe(first!.mark);
  expect(await cluster.stateHashes()).toHaveLength(1);
});
