import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/manual-time.js';
import { limits } from '../model/limits.js';
import { DiskStall } from './disk-stall.js';

const lookMs = 500;
const scene = () => {
  const time = new ManualTime();
  const store: { underWay: object | undefined } = { underWay: undefined };
  const stall = new DiskStall(store, time.timers);
  const look = (times: number): void => {
    for (let n = 0; n < times; n++) time.advance(lookMs);
  };
  return { store, stall, look };
};
const looksMax = limits.diskStallMsMax / lookMs;

it('a change that does not end is told after its time, and no longer when it has ended', () => {
  const { store, stall, look } = scene();
  store.underWay = {};
  look(looksMax);
  expect(stall.why).toBeUndefined();
  look(1);
  expect(stall.why).toMatch(/its disk hangs/);
  store.underWay = undefined;
  expect(stall.why).toBeUndefined();
});

it('a disk that ends one slow change after another does not hang', () => {
  const { store, stall, look } = scene();
  for (let n = 0; n < 10; n++) {
    store.underWay = {};
    look(looksMax);
    expect(stall.why).toBeUndefined();
  }
});

it('an idle store is no hanging disk', () => {
  const { stall, look } = scene();
  look(10 * looksMax);
  expect(stall.why).toBeUndefined();
});

it('the next change is another: it has its whole time', () => {
  const { store, stall, look } = scene();
  store.underWay = {};
  look(looksMax + 1);
  store.underWay = {};
  expect(stall.why).toBeUndefined();
  look(1);
  expect(stall.why).toBeUndefined();
});
