import { expect, it } from 'vitest';
import { parseFlushes, parseMachineCpu, parseProcessCpuMs } from '../machine/proc.js';
import { usageBetween, type Sample } from './sampler.js';

const sample = (atMs: number, machine: readonly [number, number, number], a: number, b: number): Sample => ({
  atMs,
  machine: { busyMs: machine[0], idleMs: machine[1], stealMs: machine[2] },
  flushes: atMs / 10,
  processes: new Map([
    ['a', a],
    ['b', b],
  ]),
});

it('usage is per second, processes in percent of a core, and what is left over is of others', () => {
  const usage = usageBetween(sample(1000, [0, 0, 0], 100, 0), sample(3000, [2500, 1000, 500], 1100, 500));
  expect(usage).toEqual({
    seconds: 2,
    flushesPerSecond: 100,
    processPercent: { a: 50, b: 25 },
    stealPercent: 12.5,
    foreignPercent: 50,
  });
});

it('reads /proc as Linux writes it', () => {
  expect(parseMachineCpu('cpu  10 1 20 300 4 5 6 70 8 0\ncpu0 1 1 1\n')).toEqual({
    busyMs: 420,
    idleMs: 3040,
    stealMs: 700,
  });
  const stat = '42 (a (strange) name) S 1 42 42 0 -1 4194304 9 0 0 0 150 25 0 0 20 0 7 0 8 9 10';
  expect(parseProcessCpuMs(stat)).toBe(1750);
});

it('counts the flushes of whole disks alone', () => {
  const line = (name: string, flushes: number): string =>
    ` 254 0 ${name} 1 2 3 4 5 6 7 8 9 10 11 0 0 0 0 ${flushes} 5`;
  expect(
    parseFlushes([line('vda', 7), line('vda1', 5), line('nvme0n1', 3)].join('\n'), ['vda', 'nvme0n1']),
  ).toBe(10);
});
