import { defineConfig } from 'vitest/config';

/** Set by `make simulate`: a run over many seeds may take as long as it takes. */
const manySeeds = process.env['SEEDS'] !== undefined;

/** Worlds make much garbage that lives shortly. */
const roomForWorlds = ['--min-semi-space-size=64', '--max-semi-space-size=128'];

/** Tests of a cluster that works at its limits, or that loses its leases: nothing else runs beside them. */
const systemAlone = ['test/system/{chaos,failover,overload,rejoin-under-load,slow-node}.test.ts'];
const systemTimes = { testTimeout: 300_000, hookTimeout: 120_000 };

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
          // To load all modules anew for each of 170 files took as long as half of the tests.
          isolate: false,
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
          execArgv: roomForWorlds,
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: manySeeds ? 0 : 120_000,
        },
      },
      {
        test: {
          ...shared,
          ...systemTimes,
          name: 'system',
          // They wait more than they compute: for nodes that start, stop and find each other.
          maxWorkers: 2,
          include: ['test/system/**/*.test.ts'],
          exclude: systemAlone,
        },
      },
      {
        test: {
          ...shared,
          ...systemTimes,
          name: 'system-alone',
          include: systemAlone,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
