import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/manual-time.js';
import { seqno } from '../model/ids.js';
import { SeqnoWaiters } from './seqno-waiters.js';

function waitersOf(max: number, applied = 0) {
  const time = new ManualTime();
  return { time, waiters: new SeqnoWaiters(time.timers, max, seqno(applied)) };
}

it('what is applied already is not waited for', () => {
  const { waiters, time } = waitersOf(1, 5);
  expect(waiters.wait(seqno(5), 1000)).toBe(true);
  expect(time.waiting).toBe(0);
});

it('everyone up to the applied seqno wakes, whatever the order in which they came, and no one above', async () => {
  const { waiters, time } = waitersOf(100);
  const woken: number[] = [];
  for (const wanted of [7, 3, 9, 1, 8, 2, 6, 4, 5, 3]) {
    void Promise.resolve(waiters.wait(seqno(wanted), 1000)).then((reached) => {
      if (reached === true) woken.push(wanted);
    });
  }
  waiters.advance(seqno(4));
  await Promise.resolve().then(() => undefined);
  expect(woken.sort()).toEqual([1, 2, 3, 3, 4]);
  waiters.advance(seqno(9));
  await Promise.resolve().then(() => undefined);
  expect(woken).toHaveLength(10);
  expect(time.waiting).toBe(0);
});

it('a wait that runs out is false, exactly once, also when the seqno comes later', async () => {
  const { waiters, time } = waitersOf(1);
  const waited = waiters.wait(seqno(1), 1000);
  time.advance(1000);
  expect(await waited).toBe(false);
  waiters.advance(seqno(1));
  expect(waiters.wait(seqno(1), 1000)).toBe(true);
});

it('one more than the bound is told so at once, and there is room again when one leaves', async () => {
  const { waiters, time } = waitersOf(2);
  const first = waiters.wait(seqno(1), 1000);
  void waiters.wait(seqno(2), 2000);
  expect(waiters.wait(seqno(3), 1000)).toBe('full');
  time.advance(1000);
  expect(await first).toBe(false);
  expect(waiters.wait(seqno(3), 1000)).toBeInstanceOf(Promise);
});

it('those who time out make no room in memory for others, and those who wait on are not sent away', async () => {
  const { waiters, time } = waitersOf(3);
  const patient = waiters.wait(seqno(10), 1_000_000);
  for (let n = 0; n < 100; n++) {
    void waiters.wait(seqno(5 + (n % 10)), 10);
    time.advance(10);
  }
  waiters.advance(seqno(10));
  expect(await patient).toBe(true);
  expect(time.waiting).toBe(0);
});
