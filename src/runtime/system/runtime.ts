import type { Logger, Runtime } from '../runtime.js';
import { systemClock } from './clock.js';
import { systemRandom } from './random.js';
import { systemTimers } from './timers.js';

/** The real clock, timers and randomness of this process. Only where a program begins; everything else is given one. */
export function createSystemRuntime(logger: Logger): Runtime {
  return { clock: systemClock, timers: systemTimers, random: systemRandom, logger };
}
