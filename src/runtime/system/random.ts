import { randomFillSync } from 'node:crypto';
import type { Random } from '../runtime.js';

const poolBytes = 8192;
const pool = Buffer.alloc(poolBytes);
let used = poolBytes;

/** Draws from a pool: a call into the system costs about ten times what the bytes of one id do. */
function bytes(count: number): Uint8Array {
  if (count > poolBytes / 8) return randomFillSync(new Uint8Array(count));
  if (used + count > poolBytes) {
    randomFillSync(pool);
    used = 0;
  }
  const drawn = Uint8Array.prototype.slice.call(pool, used, used + count);
  used += count;
  return drawn;
}

export const systemRandom: Random = {
  bytes,
  fraction: () => Math.random(),
};
