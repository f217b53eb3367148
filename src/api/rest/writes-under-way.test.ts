import { expect, it } from 'vitest';
import { limits } from '../../model/limits.js';
import { WritesUnderWay } from './writes-under-way.js';

const { writesMin, writeWaitMsMax } = limits;

function begun() {
  let nowMs = 0;
  const writes = new WritesUnderWay({ monotonicMs: () => nowMs });
  const ends: (() => void)[] = [];
  return {
    writes,
    pass: (ms: number) => (nowMs += ms),
    take: (count: number) => ends.push(...Array.from({ length: count }, () => writes.take())),
    /** The oldest. */
    end: (count: number) => ends.splice(0, count).forEach((end) => end()),
  };
}

it('are not late for as long as the oldest waits no longer than it may, however many they are', () => {
  const { writes, take, pass } = begun();
  take(1000);
  pass(writeWaitMsMax);
  expect(writes.areLate).toBe(false);
  pass(1);
  expect(writes.areLate).toBe(true);
});

it('are not late when they are few, however long they take', () => {
  const { writes, take, pass } = begun();
  take(writesMin - 1);
  pass(100 * writeWaitMsMax);
  expect(writes.areLate).toBe(false);
  take(1);
  expect(writes.areLate).toBe(true);
});

it('are not late when more of them ended lately than wait now', () => {
  const { writes, take, pass, end } = begun();
  take(4 * writesMin);
  pass(writeWaitMsMax + 1);
  end(2 * writesMin);
  expect(writes.areLate).toBe(true);
  end(1);
  expect(writes.areLate).toBe(false);
  // What ended too long ago says nothing.
  pass(2 * writeWaitMsMax);
  expect(writes.areLate).toBe(true);
  end(2 * writesMin - 1);
  expect(writes.areLate).toBe(false);
});
