import { expect, it } from 'vitest';
import type { EtcdThrough } from '../../../test/support/etcd-caller.js';
import { EtcdModel } from '../../../test/support/etcd-model.js';
import { FaultyEtcd, Gate, holdAnswer, loseRequest, ofKind } from '../../../test/support/faulty-etcd.js';
import { ManualTime } from '../../../test/support/manual-time.js';
import { silentLogger, type Runtime } from '../../runtime/runtime.js';
import { systemRandom } from '../../runtime/system/random.js';
import { LeaseKeeper } from './lease-keeper.js';

async function keeping(ttlMs = 3000) {
  const time = new ManualTime();
  const model = new EtcdModel({ clock: time.clock });
  const etcd = new FaultyEtcd(model.client());
  const runtime: Runtime = { ...time, random: systemRandom, logger: silentLogger };
  const over: string[] = [];
  const sentAtMs = time.clock.monotonicMs();
  const lease = await etcd.kv.grantLease(ttlMs);
  const keeper = new LeaseKeeper({
    kv: etcd.kv,
    runtime,
    lease,
    sentAtMs,
    onOver: (why) => over.push(why),
  });
  /** In small steps, so that answers come between them. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      time.advance(50);
      await settled();
    }
  };
  const asked = (): number => etcd.calls.filter(ofKind('keep-alive')).length;
  return { time, model, etcd, keeper, over, pass, asked };
}

/** Answers of the model take some turns of the promises' queue. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

it('keeps the lease for as long as etcd answers, three times per lease', async () => {
  const { keeper, over, pass, model, asked } = await keeping();
  await pass(30_000);
  expect(keeper.isAlive()).toBe(true);
  expect(over).toEqual([]);
  expect(asked()).toBe(30);
  expect(model.leases()).toHaveLength(1);
});

it('ends when the time that was granted is over and nothing was answered since, and says so once', async () => {
  const { keeper, over, pass, etcd } = await keeping();
  for (let i = 0; i < 100; i++) etcd.next(ofKind('keep-alive'), loseRequest);
  await pass(2950);
  expect([keeper.isAlive(), over]).toEqual([true, []]);
  await pass(50);
  expect(over).toEqual(['its lease has run out']);
  await pass(10_000);
  expect([keeper.isAlive(), over.length]).toEqual([false, 1]);
});

it('asks again soon after a keep-alive that failed', async () => {
  const { keeper, over, pass, etcd, asked } = await keeping();
  for (let i = 0; i < 5; i++) etcd.next(ofKind('keep-alive'), loseRequest);
  await pass(1000);
  expect(asked()).toBe(1);
  await pass(600);
  expect(asked()).toBe(6);
  await pass(2000);
  expect([keeper.isAlive(), over]).toEqual([true, []]);
});

it('asks again soon after one that failed late, while the next is on its way', async () => {
  const { keeper, pass, etcd, asked } = await keeping();
  const [slow, slower] = [new Gate(), new Gate()];
  const failAt =
    (gate: Gate): EtcdThrough =>
    (call, execute) =>
      gate.isOpen.then(() => loseRequest(call, execute));
  etcd.next(ofKind('keep-alive'), failAt(slow));
  etcd.next(ofKind('keep-alive'), failAt(slower));
  await pass(2100);
  expect(asked()).toBe(2);
  slow.open();
  await pass(850);
  expect(asked()).toBe(3);
  await pass(1000);
  expect(keeper.isAlive()).toBe(true);
});

it('counts from when the keep-alive was sent, not from its answer', async () => {
  const { keeper, over, pass, etcd } = await keeping();
  const gate = new Gate();
  etcd.next(ofKind('keep-alive'), holdAnswer(gate));
  for (let i = 0; i < 100; i++) etcd.next(ofKind('keep-alive'), loseRequest);
  await pass(2500);
  gate.open();
  await pass(1450);
  expect([keeper.isAlive(), over]).toEqual([true, []]);
  await pass(50);
  expect(over).toEqual(['its lease has run out']);
});

it('finds by the clock alone that it is over, before any timer has run', async () => {
  const { keeper, over, time } = await keeping();
  const jumped: Runtime['clock'] = { ...time.clock, monotonicMs: () => 3000 };
  Object.assign(time.clock, jumped);
  expect(keeper.isAlive()).toBe(false);
  expect(over).toEqual(['its lease has run out']);
});

it('ends at once when etcd knows no such lease any more', async () => {
  const { keeper, over, pass, model } = await keeping();
  model.expire(keeper.lease);
  await pass(1000);
  expect([keeper.isAlive(), over]).toEqual([false, ['etcd has ended its lease']]);
});

it('leaves nothing behind when it is stopped', async () => {
  const { keeper, over, pass, time, asked } = await keeping();
  keeper.stop();
  await pass(10_000);
  expect([time.waiting, asked(), over.length]).toEqual([0, 0, 0]);
});
