import { expect, it } from 'vitest';
import { runClosedLoop, type Once } from './closed-loop.js';
import { mergeLatencies } from './latencies.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const windowMs = (fromNow: number, length: number) => {
  const beginMs = Date.now() + fromNow;
  return { beginMs, endMs: beginMs + length };
};

it('counts what was answered between begin and end, and acknowledges the rest', async () => {
  let operations = 0;
  const once: Once = async () => {
    await turn();
    operations += 1;
    return { kind: 'committed', tries: 1 };
  };
  const report = await runClosedLoop([once, once], windowMs(50, 50));
  expect(report.acknowledged).toBe(operations);
  expect(report.measured).toBeGreaterThan(0);
  expect(report.measured).toBeLessThan(operations);
  expect(mergeLatencies([report.latencies]).totalCount).toBe(report.measured);
  expect(report).toMatchObject({ tries: report.measured, conflicts: 0, failures: {} });
});

it('tries again after a conflict, and counts one operation with all its tries', async () => {
  let tries = 0;
  const once: Once = async () => {
    await turn();
    tries += 1;
    return { kind: tries % 3 === 0 ? 'committed' : 'conflict', tries: 1 };
  };
  const report = await runClosedLoop([once], windowMs(0, 100));
  expect(report.acknowledged).toBe(Math.floor(tries / 3));
  expect(report.tries).toBe(report.measured + report.conflicts);
  expect(report.conflicts).toBeGreaterThan(report.measured);
});

it('counts tries that the client made by itself', async () => {
  const once: Once = async () => {
    await turn();
    return { kind: 'committed', tries: 4 };
  };
  const report = await runClosedLoop([once], windowMs(0, 50));
  expect(report.tries).toBe(4 * report.measured);
  expect(report.conflicts).toBe(3 * report.measured);
});

it('counts failures by their message and goes on', async () => {
  let calls = 0;
  const once: Once = async () => {
    await turn();
    calls += 1;
    if (calls % 2 === 1) throw new Error('timeout');
    return { kind: 'committed', tries: 1 };
  };
  const report = await runClosedLoop([once], windowMs(0, 100));
  expect(report.failures['timeout']).toBe(Math.ceil(calls / 2));
  expect(report.acknowledged).toBe(Math.floor(calls / 2));
});

it('ends when every client is caught in conflicts', async () => {
  const once: Once = async () => {
    await turn();
    return { kind: 'conflict', tries: 1 };
  };
  const report = await runClosedLoop([once, once], windowMs(0, 30));
  expect(report).toMatchObject({ measured: 0, acknowledged: 0, failures: {} });
  expect(report.conflicts).toBeGreaterThan(0);
});
