import { limits } from '../../../src/model/limits.js';
import { defaultRetention, type Retention } from '../../../src/model/retention.js';
import type { SeededRandom } from './seeded-random.js';

/** What the nodes of a world keep, and how often they compare themselves. */
export interface Upkeep {
  readonly retention: Retention;
  readonly checksEveryMs: number;
  /** Copies are lost, damaged and left behind here. */
  readonly losesCopies: boolean;
}

const likelyLosses = 0.3;
/** Ids carry the time of clocks that may be 15 s wrong, and calls go on for 10 s. */
const outcomesMsMin = 18_000;

/** In some worlds little is kept, for a short time: who is away for long cannot be told all that it missed. */
export function drawUpkeep(random: SeededRandom): Upkeep {
  if (!random.chance(likelyLosses))
    return { retention: defaultRetention, checksEveryMs: random.pick([0, 0, 0, 20_000]), losesCopies: false };
  const entriesBytesMin = random.between(2000, 15_000);
  const outcomesMsMax = random.between(20_000, 60_000);
  const retention = {
    entriesBytesMin,
    entriesBytesMax: entriesBytesMin + random.between(5000, 60_000),
    entriesMsMax: random.pick([6000, 20_000, defaultRetention.entriesMsMax]),
    outcomesBytesMax: random.between(15_000, 80_000),
    outcomesMsMin,
    outcomesMsMax: Math.min(outcomesMsMax, limits.outcomesMsMax),
  };
  return { retention, checksEveryMs: random.between(3000, 12_000), losesCopies: true };
}
