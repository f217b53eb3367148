import { defineConfig } from 'vitest/config';

/** Set by `make simulate`: a run over many seeds may take as long as it takes. */
const manySeeds = process.env['SEEDS'] !== undefined;

const shared = {
  pool: 'forks',
  maxWorkers: 2,
  // A test that asserts nothing cannot fail.
  expect: { requireAssertions: true },
} as const;

export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          // Many of them wait for timers of their own cluster.
          maxWorkers: 4,
          include: ['src/**/*.test.ts', 'bench/**/*.test.ts', 'test/{support,golden}/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      { test: { ...shared, name: 'tidy', include: ['test/tidy/**/*.test.ts'] } },
      {
        test: {
          ...shared,
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: manySeeds ? 0 : 120_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
