/**
 * The seam of determinism: everything that a process takes from its surroundings is an argument of these types.
 * `runtime/system/` has the real ones; the simulation passes its own. A lint rule bans the globals elsewhere.
 */

export interface Clock {
  /** Wall clock, ms since the Unix epoch. May jump in both directions. */
  nowMs(): number;
  /** Monotonic clock, ms since an arbitrary start. Never goes back; fractions allowed. */
  monotonicMs(): number;
}

export interface Cancel {
  (): void;
}

export interface Timers {
  /** Runs `action` once after at least `delayMs` of the monotonic clock. Does not keep the process alive. */
  after(delayMs: number, action: () => void): Cancel;
  /** Runs `action` once, after the I/O events that are ready now: what gathers until then is one batch. */
  soon(action: () => void): void;
}

export interface Random {
  /** `count` random bytes, fit for ids and nonces. */
  bytes(count: number): Uint8Array;
  /** Uniform in [0, 1). */
  fraction(): number;
}

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

/** Resolves after `delayMs`. */
export function delay(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => timers.after(delayMs, resolve));
}

/** Calls `action` every `periodMs`, the first time after one period, until cancelled. */
export function every(timers: Timers, periodMs: number, action: () => void): Cancel {
  let cancelled = false;
  let cancel: Cancel;
  const tick = (): void => {
    if (cancelled) return;
    cancel = timers.after(periodMs, tick);
    action();
  };
  cancel = timers.after(periodMs, tick);
  return () => {
    cancelled = true;
    cancel();
  };
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
