/** An hour, in ms; any time will do. */
const tickMs = 3_600_000;

/** From now on the process ends only by `process.exit` or a signal, also while it waits for nothing but timers of ours. */
export function stayAlive(): void {
  setInterval(() => {}, tickMs);
}
