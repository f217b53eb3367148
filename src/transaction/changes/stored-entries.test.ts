import fc from 'fast-check';
import { expect, it } from 'vitest';
import { begun } from '../../../test/support/begun-store.js';
import { emptyContentHash, set, testId } from '../../../test/support/chain.js';
import { logPosition } from '../../model/ids.js';
import { oldestFeedSeqno, positionOf, readCommits } from './stored-entries.js';

it('the entry of every transaction is found, whatever lies between and wherever the kept entries begin', async () => {
  const shape = fc.array(fc.constantFrom<'barrier' | 'tombstone' | number>('barrier', 'tombstone', 1, 2, 3), {
    minLength: 1,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(shape, fc.nat(12), async (kinds, trimmed) => {
      const { store, chain } = await begun();
      const positions = new Map<number, number>();
      for (const [i, kind] of kinds.entries()) {
        const first = chain.tail.seqno + 1;
        if (kind === 'barrier') await store.apply([chain.barrier()]);
        else if (typeof kind === 'string') {
          const code = 'TRANSACTION_ABORTED' as const;
          const outcome = {
            kind: 'aborted',
            code,
            conflict: undefined,
            contentHash: emptyContentHash,
          } as const;
          await store.apply([chain.batch([{ kind: 'tombstone', id: testId(i + 1), outcome }])]);
        } else await store.apply([chain.transactions(...Array.from({ length: kind }, () => [set('a')]))]);
        for (let at = first; at <= chain.tail.seqno; at++) positions.set(at, chain.tail.position);
      }
      await store.trim(logPosition(trimmed));
      const kept = (position: number): boolean => position >= store.oldestPosition;
      for (const [at, position] of positions) {
        expect(positionOf(store, at)).toBe(kept(position) ? position : undefined);
      }
      const lost = [...positions].filter(([, position]) => !kept(position)).map(([at]) => at);
      expect(oldestFeedSeqno(store)).toBe(Math.max(0, ...lost));
      await store.close();
    }),
  );
});

it('commits are read whole, in pages', async () => {
  const { store, chain } = await begun();
  await store.apply([
    chain.transactions([set('a')], [set('b')]),
    chain.barrier(),
    chain.transactions([set('c')]),
  ]);
  const [first] = await readCommits(store, 1, 1);
  expect(first!.commits.map(({ seqno }) => seqno)).toEqual([1, 2]);
  const all = await readCommits(store, 1, 1_000_000);
  expect(all.flatMap(({ commits }) => commits.map(({ seqno }) => seqno))).toEqual([1, 2, 3]);
  expect(await readCommits(store, 4, 1_000_000)).toEqual([]);
});
