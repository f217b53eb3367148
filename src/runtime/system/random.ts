import { randomBytes } from 'node:crypto';
import type { Random } from '../runtime.js';

export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  fraction: () => Math.random(),
};
