import { afterAll, expect, it } from 'vitest';
import { logPosition } from '../../src/model/ids.js';
import { LogFull, type Fence, type OrderedLog } from '../../src/ordering/ordered-log.js';
import { set, type Chain } from '../support/chain.js';
import { EtcdKeyspace } from '../support/etcd-logs.js';
import { RealEtcd } from '../support/real-etcd.js';
import { appendNext, beginning, chainAt, led, nonceA, nonceB, positions } from './ordered-log.js';

const mib = 1024 * 1024;
const etcd = await RealEtcd.start({ args: [`--quota-backend-bytes=${4 * mib}`] });
const kv = etcd.client();
await etcd.ready(kv);
afterAll(async () => {
  kv.close();
  await etcd.stop();
});

/** Appends until the log takes no more, and says how that was told. */
async function fill(log: OrderedLog, fence: Fence, chain: Chain): Promise<unknown> {
  for (let i = 0; i < 100; i++) {
    const before = chain.tail;
    const bytes = chain.transactions([set('large', 'x'.repeat(256 * 1024))]);
    try {
      expect(await log.append(fence, logPosition(chain.tail.position), bytes)).toBe('durable');
    } catch (error) {
      chain.tail = before;
      return error;
    }
  }
  throw new Error('the log was never full');
}

it('says that it is full, keeps what it has, and goes on when an operator has made room', async () => {
  const keyspace = new EtcdKeyspace(kv);
  await keyspace.begin(beginning);
  const [a, b] = [keyspace.log('a'), keyspace.log('b')];
  const fence = await led(a, nonceA);
  const chain = await chainAt(a, nonceA);
  const full = await fill(a, fence, chain);
  expect(full).toBeInstanceOf(LogFull);
  expect(String(full)).toMatch(/database space exceeded.*compact and defragment/);
  await expect(appendNext(a, fence, chain)).rejects.toThrow(LogFull);
  chain.tail = await a.tail();
  expect((await positions(b)).length).toBe(chain.tail.position + 1);

  // Without the leader's own trim nothing is compacted: what is deleted needs no room.
  expect(await a.trim(fence, logPosition(chain.tail.position))).toBe('done');
  await a.resign(fence);
  expect(await b.lead(nonceB)).toEqual({ notNow: expect.stringContaining('compact and defragment') });

  const { revision } = await kv.txn({ compare: [], success: [], failure: [] });
  await etcd.control(0, '/v3/kv/compaction', { revision, physical: true });
  await etcd.control(0, '/v3/maintenance/defragment');
  await etcd.disarm();

  const fenceB = await led(b, nonceB);
  const next = await chainAt(b, nonceB);
  expect(next.tail).toEqual(chain.tail);
  expect(await appendNext(b, fenceB, next)).toBe('durable');
  await keyspace.close();
});
