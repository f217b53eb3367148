import { commits } from './commits.js';
import { hotIncrements, hotSums } from './counters.js';
import { causalReads, localReads, spreadReads } from './reads.js';
import type { Scenario } from './scenario.js';
import { transfers } from './transfers.js';

export const scenarios: readonly Scenario[] = [
  commits,
  localReads,
  spreadReads,
  causalReads,
  hotSums,
  hotIncrements,
  transfers,
];
