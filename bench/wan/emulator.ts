import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/local/package-root.js';
import { ServerProcess } from '../systems/server-process.js';
import type { Undo } from '../run/undo.js';

const run = promisify(execFile);
const ip = (...args: readonly string[]): Promise<unknown> => run('ip', [...args]);

const subnet = '10.77.0';
const ownNamespace = /^meridian-bench-(\d+)-\d+$/;

/** Address of the n-th region, from 1, in every region's namespace. */
export function hostOf(n: number): string {
  return `${subnet}.${n}`;
}

/** Regions as network namespaces that lead nowhere but to each other, through wanem.c. Needs root and /dev/net/tun. */
export interface WanEmulator {
  readonly pid: number;
  /** In front of a program that is to run in the n-th region, from 1. */
  commandIn(n: number): readonly string[];
  /** One-way delays are half of these. */
  setRoundTripsMs(matrix: readonly (readonly number[])[]): Promise<void>;
}

export async function startWanEmulator(directory: string, regions: number, undo: Undo): Promise<WanEmulator> {
  await removeStaleNamespaces();
  await mkdir(directory, { recursive: true });
  const prefix = `meridian-bench-${process.pid}-`;
  const [program, matrix, generation] = ['wanem', 'matrix', 'generation'].map((name) =>
    join(directory, name),
  );
  await run('gcc', ['-O2', '-Wall', '-o', program!, join(packageRoot, 'bench/wan/wanem.c')]);
  for (let n = 1; n <= regions; n++) {
    await ip('netns', 'add', `${prefix}${n}`);
    undo.add(() => ip('netns', 'del', `${prefix}${n}`));
  }
  await writeFile(generation!, '');
  await writeMatrix(
    matrix!,
    Array.from({ length: regions }, () => Array<number>(regions).fill(0)),
  );
  const wanem = new ServerProcess({
    name: 'the WAN emulator',
    command: [program!, matrix!, generation!, prefix, String(regions)],
    logFile: join(directory, 'wanem.log'),
  });
  undo.add(() => wanem.stop());
  const applied = (): Promise<string> => readFile(generation!, 'utf8');
  await wanem.until(async () => (await applied()) !== '', 5000);
  for (let n = 1; n <= regions; n++) await configure(prefix, n, regions);
  return {
    pid: wanem.pid,
    commandIn: (n) => ['ip', 'netns', 'exec', `${prefix}${n}`],
    setRoundTripsMs: async (roundTripsMs) => {
      const before = await applied();
      await writeMatrix(matrix!, roundTripsMs);
      wanem.signal('SIGHUP');
      await wanem.until(async () => ![before, ''].includes(await applied()), 5000);
    },
  };
}

function writeMatrix(file: string, roundTripsMs: readonly (readonly number[])[]): Promise<void> {
  const rows = roundTripsMs.map((row) => row.map((roundTripMs) => roundTripMs / 2).join(' '));
  return writeFile(file, `${rows.join('\n')}\n`);
}

async function configure(prefix: string, n: number, regions: number): Promise<void> {
  const inside = ['-n', `${prefix}${n}`];
  await ip(...inside, 'link', 'set', 'lo', 'up');
  await ip(...inside, 'link', 'set', 'wan0', 'address', hardwareAddress(n), 'txqueuelen', '10000');
  await ip(...inside, 'addr', 'add', `${hostOf(n)}/24`, 'dev', 'wan0');
  await ip(...inside, 'link', 'set', 'wan0', 'up');
  // Without ARP, which would add a round trip to the first packet.
  for (let peer = 1; peer <= regions; peer++) {
    if (peer === n) continue;
    const neighbour = [hostOf(peer), 'lladdr', hardwareAddress(peer), 'dev', 'wan0', 'nud', 'permanent'];
    await ip(...inside, 'neigh', 'replace', ...neighbour);
  }
}

/** wanem delivers a frame to the region that the last byte names. */
function hardwareAddress(n: number): string {
  return `02:57:41:4e:00:${n.toString(16).padStart(2, '0')}`;
}

/** Those of runs that were killed: their names have the process id of a runner that is gone. */
async function removeStaleNamespaces(): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'list']);
  for (const line of stdout.split('\n')) {
    const name = line.split(' ')[0] ?? '';
    const pid = Number(ownNamespace.exec(name)?.[1]);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    await ip('netns', 'del', name);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
