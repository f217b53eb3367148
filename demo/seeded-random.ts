export interface SeededRandom {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** Uniform from 0 to `bound` - 1. */
  below(bound: number): number;
}

/** The same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { fraction, below: (bound) => Math.floor(fraction() * bound) };
}
