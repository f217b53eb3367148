import { expect, it } from 'vitest';
import { runSeed } from './run-seed.js';
import { runSeeds } from './seed-processes.js';

async function digestsElsewhere(seeds: readonly number[]): Promise<Map<number, string>> {
  const digests = new Map<number, string>();
  await runSeeds({
    seeds,
    processes: 1,
    linesMax: 0,
    onTold: ({ seed, digest }) => digests.set(seed, digest).size > 0,
  });
  return digests;
}

it('is a function of its seed: in two processes, after whatever ran there before, everything happens alike', async () => {
  const here = new Map<number, string>();
  for (const seed of [7, 8, 9]) here.set(seed, (await runSeed(seed)).digest);
  const elsewhere = await digestsElsewhere([9, 7, 8]);
  expect(new Set(here.values()).size).toBe(3);
  for (const [seed, digest] of here) expect(elsewhere.get(seed), `seed ${seed}`).toBe(digest);
}, 600_000);
