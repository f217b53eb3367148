import type { limits } from '../../../src/model/limits.js';
import { steerLimits } from '../../support/steered-limits.js';
import type { SeededRandom } from './seeded-random.js';

type Name = keyof typeof limits;

/** Bounds that lead to rare paths when they are small: how likely a world has one, and from where to where. */
const switches: readonly (readonly [name: Name, likely: number, min: number, max: number])[] = [
  ['windowTransactionsMax', 0.3, 15, 150],
  ['windowKeysMax', 0.1, 5, 30],
  ['windowDeletedRangesMax', 0.1, 1, 5],
  ['entryBytesMax', 0.3, 140_000, 300_000],
  ['applyGroupBytesMax', 0.3, 1, 50_000],
  ['followerQueueBytesMax', 0.3, 1, 30_000],
  ['feedReadBytesMax', 0.3, 1, 20_000],
  ['submissionsMax', 0.2, 4, 20],
  ['sequencerQueueMax', 0.2, 3, 15],
  ['causalWaitersMax', 0.2, 1, 4],
  ['openTransactionsMax', 0.2, 1, 3],
  ['endedTransactionsMax', 0.3, 1, 20],
  ['commitTimeoutMs', 0.4, 100, 5000],
  ['transactionIdleMsMax', 0.2, 40, 2000],
  ['idAheadMsMax', 0.3, 1000, 6000],
  ['joinByEntriesMax', 0.6, 5, 100],
  ['transferChunkBytes', 1, 100, 2000],
  ['transferPinsMax', 0.3, 1, 1],
  ['transferIdleMsMax', 0.4, 500, 8000],
  ['transferMsMax', 0.3, 1000, 20_000],
  ['chainHashesMax', 0.3, 5, 100],
  ['trimEntriesMax', 0.3, 1, 50],
  ['keptBlockBytes', 1, 200, 2000],
  ['keptSpanMs', 1, 200, 2000],
  ['outcomesMsMax', 0.5, 20_000, 25_000],
  ['sharedLogBytesMin', 0.6, 1000, 20_000],
  ['sharedLogBytesMax', 0.4, 40_000, 200_000],
];

/** Sets some of the limits of this process to what the seed draws. Returns what sets them back. */
export function steer(random: SeededRandom): () => void {
  const wanted: Partial<Record<Name, number>> = {};
  for (const [name, likely, min, max] of switches) {
    const drawn = random.between(min, max);
    if (random.chance(likely)) wanted[name] = drawn;
  }
  return steerLimits(wanted);
}
