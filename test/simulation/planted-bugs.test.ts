import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { plantedBugs, type PlantedBug } from './planted/bugs.js';
import { asWritten } from './planted/modules.js';
import { remember, remembered, shortestFirst } from './planted/remembered.js';
import { runSeed } from './run-seed.js';

vi.mock('../../src/storage/follow.js', async (original) =>
  (await import('./planted/modules.js')).divertFollow(await original()),
);
vi.mock('../../src/sequencer/barrier.js', async (original) =>
  (await import('./planted/modules.js')).divertBarrier(await original()),
);
vi.mock('../../src/sequencer/batch.js', async (original) =>
  (await import('./planted/modules.js')).divertBatch(await original()),
);
vi.mock('../../src/model/transaction-id.js', async (original) =>
  (await import('./planted/modules.js')).divertTransactionIds(await original()),
);
vi.mock('../../src/transaction/changes/commit-changes.js', async (original) =>
  (await import('./planted/modules.js')).divertChanges(await original()),
);
vi.mock('../../src/client/outcomes.js', async (original) =>
  (await import('./planted/modules.js')).divertOutcomes(await original()),
);
vi.mock('../../src/sequencer/history-guard.js', async (original) =>
  (await import('./planted/modules.js')).divertHistoryGuard(await original()),
);
vi.mock('../../src/storage/trim.js', async (original) =>
  (await import('./planted/modules.js')).divertTrim(await original()),
);
vi.mock('../../src/storage/verify-copy.js', async (original) =>
  (await import('./planted/modules.js')).divertVerifyCopy(await original()),
);

/** All of them are green without the bug (seeds.test.ts). */
const seedsMax = 100;
/** `REMEMBER=1`: looks for the shortest world that catches each bug, and writes its seed down. */
const isLooking = process.env['REMEMBER'] !== undefined;
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 });

const caughtIn: Record<string, number> = {};
let shortest: readonly number[] = [];

beforeAll(async () => {
  if (isLooking) shortest = await shortestFirst(seedsMax);
});
afterAll(() => {
  if (isLooking) remember(caughtIn);
});

function uproot(): void {
  vi.restoreAllMocks();
  asWritten();
}

afterEach(uproot);

function seedsFor({ name }: PlantedBug): readonly number[] {
  if (isLooking) return shortest;
  const begin = remembered[name] ?? 1;
  return Array.from({ length: seedsMax }, (_, i) => 1 + ((begin - 1 + i) % seedsMax));
}

/** The first seed in which the check that is meant for the bug reports it, and what else the others did. */
async function caught(bug: PlantedBug): Promise<{ seed: number; found: string[] }> {
  const otherwise: string[] = [];
  for (const seed of seedsFor(bug)) {
    const { problems } = await runSeed(seed, bug.plant());
    uproot();
    const found = problems.filter((problem) => bug.caughtAs.test(problem));
    if (found.length > 0) return { seed, found };
    otherwise.push(...problems.slice(0, 3).map((problem) => `seed ${seed}: ${problem}`));
  }
  return { seed: Infinity, found: otherwise };
}

it.each(plantedBugs.map((bug) => [bug.name, bug] as const))('catches: %s', async (name, bug) => {
  const { seed, found } = await caught(bug);
  process.stderr.write(`${name}: seed ${seed}, ${found[0]}\n`);
  caughtIn[name] = seed;
  expect(seed, found.slice(0, 20).join('\n')).toBeLessThanOrEqual(seedsMax);
});
