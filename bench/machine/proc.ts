import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in ticks of 10 ms for user space, on every architecture that Node.js runs on. */
const msPerTick = 10;

/** CPU time of all processors since boot, ms. */
export interface MachineCpu {
  readonly busyMs: number;
  readonly idleMs: number;
  /** Time that the host gave to others. */
  readonly stealMs: number;
}

/** Reads the first line of /proc/stat: user nice system idle iowait irq softirq steal; guests' time is in user. */
export function parseMachineCpu(stat: string): MachineCpu {
  const ticks = stat.split('\n', 1)[0]!.trim().split(/\s+/).slice(1).map(Number);
  const ms = (...fields: readonly number[]): number =>
    fields.reduce((sum, field) => sum + (ticks[field] ?? 0), 0) * msPerTick;
  return { busyMs: ms(0, 1, 2, 5, 6), idleMs: ms(3, 4), stealMs: ms(7) };
}

/** CPU time of one process, ms: fields 14 and 15 of /proc/<pid>/stat. */
export function parseProcessCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * msPerTick;
}

export function machineCpu(): MachineCpu {
  return parseMachineCpu(readFileSync('/proc/stat', 'utf8'));
}

/** 0 when there is no such process. */
export function processCpuMs(pid: number): number {
  try {
    return parseProcessCpuMs(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return 0;
  }
}

/** Flush requests that all whole disks have completed since boot; nearly one for every fsync that had something to write. */
export function parseFlushes(diskstats: string, disks: readonly string[]): number {
  return diskstats
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => disks.includes(fields[2]!))
    .reduce((sum, fields) => sum + Number(fields[18] ?? 0), 0);
}

export function diskFlushes(): number {
  const disks = readdirSync('/sys/block').filter((name) => !/^(loop|ram|zram|dm-|sr)/.test(name));
  return parseFlushes(readFileSync('/proc/diskstats', 'utf8'), disks);
}
