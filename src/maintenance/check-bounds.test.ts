import { expect, it } from 'vitest';
import { begun } from '../../test/support/begun-store.js';
import { set, testId, transaction } from '../../test/support/chain.js';
import { eventually } from '../../test/support/eventually.js';
import { ManualTime } from '../../test/support/manual-time.js';
import { limits } from '../model/limits.js';
import { nodeId } from '../model/ids.js';
import { silentLogger } from '../runtime/runtime.js';
import { markAfter } from '../sequencer/mark.js';
import { ConsistencyCheck } from './consistency-check.js';

it('a check that hashes for too long gives its snapshot back, and leaves room for the next', async () => {
  const { store, chain } = await begun();
  await store.apply([chain.batch([transaction(testId(1), [set('a')])])]);
  const time = new ManualTime();
  const random = { bytes: (count: number) => Buffer.alloc(count), fraction: () => 0 };
  const self = nodeId('home');
  let snapshots = 0;
  const take = store.snapshot.bind(store);
  store.snapshot = () => {
    const snapshot = take();
    const release = snapshot.release.bind(snapshot);
    snapshots += 1;
    return Object.assign(snapshot, { release: () => ((snapshots -= 1), release()) });
  };
  const check = new ConsistencyCheck({
    ...{ self, home: self, nodes: [self], store, told: () => [], everyMs: 0 },
    runtime: { ...time, random, logger: silentLogger },
    mark: () => undefined,
    onWrong: () => {},
  });
  await store.apply([markAfter({ ...store.head }, store.head.logTimeMs, 'long').entry]);
  expect(check.status).toMatchObject({ mark: 'long', verdict: 'running' });
  time.advance(limits.checkMsMax);
  await eventually(() => {
    time.advance(1000);
    return snapshots === 0;
  });
  expect(check.status).toMatchObject({
    verdict: 'incomplete',
    detail: expect.stringMatching(/no hash: .* 6 hours/),
  });
  await check.stop();
  await store.close();
});
