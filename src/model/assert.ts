/** Ends a switch over a discriminated union: a new member becomes a compile error here. Reached only by a bug, so it throws. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${describe(value)}`);
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
