export interface EventuallyOptions {
  /** How long to go on trying, real ms. A bound for a broken system, not an expectation: choose it generously. */
  readonly withinMs?: number;
  /** Pause between two tries, real ms. */
  readonly everyMs?: number;
  /** What is waited for; begins the error. */
  readonly what?: string;
}

/**
 * Calls `probe` until it holds and returns what it returned. It holds when it neither throws nor returns `false`, so both
 * `eventually(() => queue.length === 3)` and `eventually(() => expect(queue).toHaveLength(3))` wait; `undefined` holds.
 * Rejects after `withinMs` with the last failure as `cause`. The only place where a test waits in real time.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { withinMs = 10_000, everyMs = 10, what = 'the condition' }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const startedMs = performance.now();
  for (;;) {
    let failure: unknown;
    try {
      const value = await probe();
      if (value !== false) return value as Exclude<T, false>;
      failure = 'it returned false';
    } catch (error) {
      failure = error;
    }
    if (performance.now() - startedMs >= withinMs) {
      const reason = failure instanceof Error ? failure.message : String(failure);
      throw new Error(`${what} did not hold within ${withinMs} ms: ${reason}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
