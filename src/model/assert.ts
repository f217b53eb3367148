/** Ends a switch over a discriminated union: a new member becomes a compile error here. Reached only by a bug, so it throws. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${describe(value)}`);
}

/** Throws a bug's error when `condition` is false; never for bad input. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
