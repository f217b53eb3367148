import { afterAll, expect, it } from 'vitest';
import { logPosition } from '../../src/model/ids.js';
import type { Fence } from '../../src/ordering/ordered-log.js';
import { EtcdKeyspace } from '../support/etcd-logs.js';
import { eventually } from '../support/eventually.js';
import { RealEtcd } from '../support/real-etcd.js';
import { set } from '../support/chain.js';
import { beginning, chainAt, everything, led, nonceA, nonceB } from './ordered-log.js';

const etcd = await RealEtcd.start({ members: 3 });
const kv = etcd.client();
await etcd.ready(kv);
afterAll(async () => {
  kv.close();
  await etcd.stop();
});

/** Appends while `disturb` goes on and some more, as whoever leads, and says what was acknowledged. */
async function appendThrough(keyspace: EtcdKeyspace, disturb: () => Promise<void>): Promise<Uint8Array[]> {
  const log = keyspace.log('a');
  const acknowledged: Uint8Array[] = [];
  let isOver = false;
  const disturbed = eventually(() => acknowledged.length >= 5)
    .then(disturb)
    .finally(() => (isOver = true));
  for (let more = 20; more > 0; more -= isOver ? 1 : 0) {
    const fence = await eventually(() => led(log, nonceA), { withinMs: 20_000 });
    const chain = await eventually(() => chainAt(log, nonceA));
    for (; more > 0; more -= isOver ? 1 : 0) {
      const bytes = chain.transactions([set(`k${acknowledged.length}`)]);
      if ((await log.append(fence, logPosition(chain.tail.position), bytes)) === 'deposed') break;
      acknowledged.push(bytes);
    }
  }
  await disturbed;
  return acknowledged;
}

async function expectKept(keyspace: EtcdKeyspace, acknowledged: readonly Uint8Array[]): Promise<void> {
  const kept = await keyspace.log('reader').read(logPosition(1), everything);
  expect(kept).toEqual(acknowledged);
  expect(acknowledged.length).toBeGreaterThan(20);
}

it('loses and doubles nothing when the leader of etcd hands over', async () => {
  const keyspace = new EtcdKeyspace(kv);
  await keyspace.begin(beginning);
  const acknowledged = await appendThrough(keyspace, async () => {
    for (let i = 0; i < 3; i++) {
      const before = await eventually(() => etcd.leader());
      await etcd.moveLeader(before, (before + 1) % 3);
      await eventually(async () => expect(await etcd.leader()).not.toBe(before));
    }
  });
  await expectKept(keyspace, acknowledged);
  await keyspace.close();
});

it('loses and doubles nothing when the leader of etcd is killed', async () => {
  const keyspace = new EtcdKeyspace(kv);
  await keyspace.begin(beginning);
  const acknowledged = await appendThrough(keyspace, async () => {
    const before = await eventually(() => etcd.leader());
    await etcd.kill(before);
    await eventually(async () => expect(await etcd.leader()).not.toBe(before), { withinMs: 20_000 });
    etcd.startMember(before);
    await eventually(() => etcd.control(before, '/v3/maintenance/status'), { withinMs: 20_000 });
  });
  await expectKept(keyspace, acknowledged);
  await keyspace.close();
});

it('goes on over another endpoint, and finds one that was away again', async () => {
  const keyspace = new EtcdKeyspace(kv);
  await keyspace.begin(beginning);
  const endpoints = etcd.endpoints;
  const away = 'http://127.0.0.1:1';
  const several = etcd.client([away, endpoints[0]!, endpoints[1]!]);
  const one = etcd.client([endpoints[2]!]);
  const log = keyspace.log('a', several);
  const fence = await eventually(() => led(log, nonceB));
  const chain = await chainAt(log, nonceB);
  await etcd.kill(0);
  for (let i = 1; i < 5; i++)
    expect(await log.append(fence, logPosition(i), chain.transactions([set('x')]))).toBe('durable');
  await etcd.kill(2);
  await expect(one.range({ key: keyspace.keys.genesis })).rejects.toMatchObject({ problem: 'unknown' });
  etcd.startMember(0);
  etcd.startMember(2);
  expect(
    await eventually(() => one.range({ key: keyspace.keys.genesis }), { withinMs: 20_000 }),
  ).toHaveLength(1);
  several.close();
  one.close();
  await keyspace.close();
});

const leaseMs = 3000;

it('keeps the role over another endpoint when a member stands still', async () => {
  const keyspace = new EtcdKeyspace(kv, leaseMs);
  await keyspace.begin(beginning);
  const leader = await eventually(() => etcd.leader());
  const [first, second] = [(leader + 1) % 3, (leader + 2) % 3];
  const several = etcd.client([etcd.endpoints[first]!, etcd.endpoints[second]!]);
  const log = keyspace.log('a', several);
  const lost: string[] = [];
  const answer = await log.lead(nonceA, (why) => lost.push(why));
  const { fence } = answer as { fence: Fence };
  const chain = await chainAt(log, nonceA);
  etcd.signal(first, 'SIGSTOP');
  const endMs = performance.now() + 2 * leaseMs;
  try {
    for (let i = 1; performance.now() < endMs; i++)
      expect(await log.append(fence, logPosition(i), chain.transactions([set('x')]))).toBe('durable');
  } finally {
    etcd.signal(first, 'SIGCONT');
  }
  expect(lost).toEqual([]);
  expect(await log.tail()).toEqual(chain.tail);
  several.close();
  await keyspace.close();
});
