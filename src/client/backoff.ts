import type { Random } from '../runtime/runtime.js';

/** A wait before try `n` (from 0): uniform between 0 and a bound that doubles from `msMin` up to `msMax`. */
export function jitteredMs(random: Random, n: number, msMin: number, msMax: number): number {
  return random.fraction() * Math.min(msMax, msMin * 2 ** Math.min(n, 30));
}
