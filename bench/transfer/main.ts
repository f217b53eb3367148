/**
 * How long a snapshot transfer takes: donor and joiner are processes of their own on this machine, with stores on disk and
 * gRPC over loopback between them. docs/guides/benchmarks.md says how to read it.
 *
 *   node dist/bench/transfer/main.js [--keys 200000] [--per-transaction 100] [--rounds 3] [--data data/bench]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine, refuseMemory } from '../machine/describe.js';
import type { DonorReport } from './donor.js';
import type { JoinReport } from './joiner.js';

const { values: asked } = parseArgs({
  options: {
    keys: { type: 'string', default: '200000' },
    'per-transaction': { type: 'string', default: '100' },
    rounds: { type: 'string', default: '3' },
    data: { type: 'string', default: 'data/bench' },
    /** Of the donor and the joiner, for profiles: --node=--cpu-prof */
    node: { type: 'string', multiple: true, default: [] },
  },
});

const start = (file: string, ...args: readonly (string | number)[]): ChildProcess => {
  const url = new URL(`./${file}${extname(import.meta.url)}`, import.meta.url);
  return fork(url, args.map(String), { execArgv: [...process.execArgv, ...asked.node] });
};

/** Rejects when the child ends before it. */
async function answer<T>(child: ChildProcess): Promise<T> {
  const heard = new AbortController();
  const { signal } = heard;
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`a process of the measurement ended with ${code}`);
  });
  const said = once(child, 'message', { signal }).then(([message]) => message as T);
  try {
    return (await Promise.race([said, ended])) as T;
  } finally {
    heard.abort();
    await Promise.allSettled([said, ended]);
  }
}

async function cpuOf(donor: ChildProcess): Promise<Extract<DonorReport, { report: 'cpu' }>> {
  const answered = answer<Extract<DonorReport, { report: 'cpu' }>>(donor);
  donor.send('cpu');
  return answered;
}

const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

function row(round: number, joined: JoinReport, donorCpuMs: number, donorRssMib: number): string {
  const { joinedMs, phasesMs, openedMs, bytes, cpuMs, rssMib, outcomes } = joined;
  const copyingMs = (phasesMs.verifying ?? joinedMs) - (phasesMs.copying ?? 0);
  const cells = [
    number(round),
    number(joinedMs),
    number(copyingMs),
    number((phasesMs.replaying ?? joinedMs) - (phasesMs.verifying ?? joinedMs)),
    number(openedMs),
    number(bytes / 2 ** 20, 1),
    number(bytes / 2 ** 20 / (joinedMs / 1000), 1),
    number(outcomes),
    number(donorCpuMs),
    number(cpuMs),
    number(donorRssMib),
    number(rssMib),
  ];
  return `| ${cells.join(' | ')} |`;
}

await mkdir(asked.data, { recursive: true });
refuseMemory(asked.data);
const directory = await mkdtemp(join(asked.data, 'transfer-'));
const children: ChildProcess[] = [];
try {
  const donor = start('donor', join(directory, 'donor'), asked.keys, asked['per-transaction']);
  children.push(donor);
  const ready = await answer<DonorReport>(donor);
  if (ready.report !== 'ready') throw new Error('the donor is not ready');
  const { cpus, kernel, node, fileSystem, commit } = describeMachine(asked.data);
  console.log(`${asked.keys} keys of 100 bytes, ${asked['per-transaction']} per transaction`);
  console.log(`${cpus}, Linux ${kernel}, Node ${node}, ${fileSystem}, commit ${commit}\n`);
  console.log(
    '| round | joined ms | copying ms | verifying ms | exchange and open ms | MiB | MiB/s | outcomes | donor CPU ms | joiner CPU ms | donor RSS MiB | joiner RSS MiB |',
  );
  console.log('| ---: '.repeat(12) + '|');
  for (let round = 1; round <= Number(asked.rounds); round++) {
    const before = await cpuOf(donor);
    const joiner = start('joiner', join(directory, `joiner-${round}`), ready.port, ready.keyspaceId);
    children.push(joiner);
    const joined = await answer<JoinReport>(joiner);
    const after = await cpuOf(donor);
    console.log(row(round, joined, after.cpuMs - before.cpuMs, after.rssMib));
    await rm(join(directory, `joiner-${round}`), { recursive: true, force: true });
  }
  const ended = once(donor, 'exit');
  donor.disconnect();
  await ended;
} finally {
  for (const child of children) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
}
