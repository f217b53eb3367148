import { expect, it } from 'vitest';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { delay, every } from '../runtime.js';
import { systemClock } from './clock.js';
import { systemTimers } from './timers.js';

it('never acts before the delay has passed on the monotonic clock', async () => {
  for (const delayMs of [0, 0.4, 1.9, 3.5, 7]) {
    const startedMs = systemClock.monotonicMs();
    await delay(systemTimers, delayMs);
    expect(systemClock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(delayMs);
  }
});

it('does not act once cancelled', async () => {
  const acted: string[] = [];
  systemTimers.after(1, () => acted.push('kept'));
  systemTimers.after(0, () => acted.push('cancelled'))();
  await delay(systemTimers, 3);
  expect(acted).toEqual(['kept']);
});

it('waits for delays beyond what one timeout of Node can hold', async () => {
  const acted: string[] = [];
  const cancels = [2 ** 31, 2 ** 40, Infinity].map((delayMs) =>
    systemTimers.after(delayMs, () => acted.push(`${delayMs}`)),
  );
  await delay(systemTimers, 3);
  expect(acted).toEqual([]);
  for (const cancel of cancels) cancel();
});

it('refuses a delay that is no number and takes a negative one as none', async () => {
  expect(() => systemTimers.after(NaN, () => {})).toThrow(RangeError);
  await expect(delay(systemTimers, -5)).resolves.toBeUndefined();
});

it('acts soon after the code and the promises that are running now', async () => {
  const order: string[] = [];
  const done = new Promise<void>((resolve) =>
    systemTimers.soon(() => {
      order.push('soon');
      resolve();
    }),
  );
  void Promise.resolve().then(() => order.push('promise'));
  order.push('code');
  await done;
  expect(order).toEqual(['code', 'promise', 'soon']);
});

it('repeats until cancelled', async () => {
  let count = 0;
  await new Promise<void>((resolve) => {
    const cancel = every(systemTimers, 1, () => {
      count += 1;
      if (count === 3) {
        cancel();
        resolve();
      }
    });
  });
  await delay(systemTimers, 5);
  expect(count).toBe(3);
});

it('does not keep the process alive', async () => {
  const program = `
    const { systemTimers } = await import(${JSON.stringify(new URL('./timers.ts', import.meta.url).href)});
    systemTimers.after(3_600_000, () => {});
    console.log('ended');`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    timeout: 15_000,
  });
  expect(stdout).toBe('ended\n');
});
