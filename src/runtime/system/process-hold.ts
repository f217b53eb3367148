import type { Cancel } from '../runtime.js';

const longestMs = 2 ** 31 - 1;

/** Keeps the process running until cancelled: the runtime's own timers do not. */
export function holdProcess(): Cancel {
  const hold = setInterval(() => {}, longestMs);
  return () => clearInterval(hold);
}
