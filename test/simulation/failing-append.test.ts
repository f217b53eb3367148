import { expect, it, vi } from 'vitest';
import { decodeEntry } from '../../src/model/entry.js';
import { mintTransactionId } from '../../src/model/transaction-id.js';
import { keyFromText } from '../../src/model/keys.js';
import type { TransactRequest } from '../../src/transaction/service.js';
import { beginningMs } from './world/incarnation.js';
import { lost } from './world/sim-node.js';
import { World } from './world/world.js';

it('an append that keeps failing does not fill the log with new terms, and what waits commits once it succeeds', async () => {
  const world = new World(1);
  let terms = NaN;
  let standing = '';
  await world.run(async () => {
    await world.start();
    const { store } = world.homeOf('default').running!.keyspaceNode('default')!;
    const apply = store.apply.bind(store);
    const failing = vi.spyOn(store, 'apply').mockImplementation((entries) => {
      if (entries.some((bytes) => decodeEntry(bytes).kind === 'batch'))
        return Promise.reject(new Error('a bug'));
      return apply(entries);
    });
    const before = store.head.epoch;
    const origin = world.nodes[1]!;
    const request: TransactRequest = {
      id: mintTransactionId(beginningMs + 1000, world.random.bytes(10), origin.id),
      mayBeRetry: true,
      isolation: 'serializable',
      reads: [],
      checks: [],
      mutations: [{ kind: 'sum', key: keyFromText('counter'), operand: 1n, ttlMs: undefined }],
      content: [],
      causal: false,
      token: undefined,
      timeoutMs: 5000,
    };
    const answered = origin.call((node) => node.keyspace('default')!.transact(request));
    await world.delay(5000);
    terms = store.head.epoch - before;
    failing.mockRestore();
    const answer = await answered;
    standing = answer !== lost && answer.ok ? 'committed' : 'not committed';
  });
  world.end();
  expect(terms).toBeGreaterThan(1);
  expect(terms).toBeLessThan(12);
  expect(standing).toBe('committed');
});
