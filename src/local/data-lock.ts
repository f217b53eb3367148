import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ClusterStartError } from './start-error.js';

export const lockFileName = 'supervisor.lock';

interface Holder {
  readonly pid: number;
  /** When the process began, as the system counts; tells a process from a later one of the same id. Empty if unknown. */
  readonly began: string;
}

/**
 * Claims a data directory for this process; returns how to give it back. A lock whose process is gone is taken over.
 * HAZARD: two supervisors that take a stale lock over in the same instant may both succeed; the stores' own locks remain.
 */
export async function lockData(directory: string): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, lockFileName);
  const mine: Holder = { pid: process.pid, began: await beginOf(process.pid) };
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await writeFile(path, JSON.stringify(mine), { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readHolder(path);
    if (holder !== undefined && (await isAlive(holder)))
      throw new ClusterStartError(
        `Another cluster (process ${holder.pid}) already runs on ${resolve(directory)}. ` +
          'Stop it first, or choose other data with --data DIRECTORY and other ports with --ports-from N.',
      );
    await rm(path, { force: true });
  }
  throw new ClusterStartError(`${path} cannot be claimed: another cluster starts on the same data.`);
}

/** Undefined when the file holds no lock: its writer died in the middle. */
async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    const { pid, began } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' && typeof began === 'string' ? { pid, began } : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, began }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return began === (await beginOf(pid));
}

/** Field 22 of /proc/<pid>/stat; empty where there is no such file. */
async function beginOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const afterName = stat.slice(stat.lastIndexOf(')') + 2);
  return afterName.split(' ')[19] ?? '';
}
