import { diskFlushes, machineCpu, processCpuMs, type MachineCpu } from '../machine/proc.js';

/** Counters of the machine at one moment. */
export interface Sample {
  readonly atMs: number;
  readonly machine: MachineCpu;
  readonly flushes: number;
  /** CPU time since their start, ms. */
  readonly processes: ReadonlyMap<string, number>;
}

/** What happened between two samples. */
export interface Usage {
  readonly seconds: number;
  readonly flushesPerSecond: number;
  /** In percent of one core. */
  readonly processPercent: Readonly<Record<string, number>>;
  /** Of all cores. */
  readonly stealPercent: number;
  /** By processes that are not in the samples, in percent of one core. */
  readonly foreignPercent: number;
}

/** `processes`: everything that belongs to the measurement, by name. */
export function takeSample(processes: ReadonlyMap<string, number>): Sample {
  const used = new Map([...processes].map(([name, pid]) => [name, processCpuMs(pid)]));
  return { atMs: performance.now(), machine: machineCpu(), flushes: diskFlushes(), processes: used };
}

export function usageBetween(before: Sample, after: Sample): Usage {
  const elapsedMs = after.atMs - before.atMs;
  const percent = (ms: number): number => (100 * ms) / elapsedMs;
  const processPercent = Object.fromEntries(
    [...after.processes].map(([name, ms]) => [name, percent(ms - (before.processes.get(name) ?? 0))]),
  );
  const [then, now] = [before.machine, after.machine];
  const busy = percent(now.busyMs - then.busyMs);
  const own = Object.values(processPercent).reduce((sum, one) => sum + one, 0);
  const allMs = now.busyMs + now.idleMs + now.stealMs - then.busyMs - then.idleMs - then.stealMs;
  return {
    seconds: elapsedMs / 1000,
    flushesPerSecond: ((after.flushes - before.flushes) * 1000) / elapsedMs,
    processPercent,
    stealPercent: allMs === 0 ? 0 : (100 * (now.stealMs - then.stealMs)) / allMs,
    foreignPercent: Math.max(0, busy - own),
  };
}
