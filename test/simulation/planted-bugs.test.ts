import { afterEach, expect, it, vi } from 'vitest';
import { CertificationIndex } from '../../src/certification/certification-index.js';
import { SequencerLink } from '../../src/replica/sequencer-link.js';
import type { OpenDatabase } from '../../src/storage/store.js';
import { withoutSync } from '../support/faulty-database.js';
import { runSeed } from './run-seed.js';

const seedsMax = 12;
vi.setConfig({ testTimeout: 600_000 });

afterEach(() => {
  vi.restoreAllMocks();
});

/** The problems that the checks find in the first seed that shows any, or nothing. */
async function caught(wrapDatabase?: (open: OpenDatabase) => OpenDatabase): Promise<string> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const { problems } = await runSeed(seed, wrapDatabase);
    if (problems.length > 0) return `seed ${seed}:\n${problems.join('\n')}`;
  }
  return `nothing in ${seedsMax} seeds`;
}

/** Every index judges another request than it was asked. */
function judging(change: (request: Parameters<CertificationIndex['certify']>[0]) => object): void {
  const { certify, firstConflict } = CertificationIndex.prototype;
  vi.spyOn(CertificationIndex.prototype, 'certify').mockImplementation(function (
    this: CertificationIndex,
    request,
  ) {
    return certify.call(this, { ...request, ...change(request) });
  });
  vi.spyOn(CertificationIndex.prototype, 'firstConflict').mockImplementation(function (
    this: CertificationIndex,
    request,
  ) {
    return firstConflict.call(this, { ...request, ...change(request) });
  });
}

it('catches a certifier that ignores the keys that were read', async () => {
  judging(() => ({ readKeys: [] }));
  expect(await caught()).toMatch(/serializable .* at its place/);
});

it('catches a certifier that ignores the ranges that were read', async () => {
  judging(() => ({ readRanges: [] }));
  expect(await caught()).toMatch(/serializable .* at its place the range held/);
});

it('catches a certifier that lets updates be lost under snapshot isolation', async () => {
  judging(({ isolation, effects }) =>
    isolation === 'snapshot' ? { effects: effects.filter(({ kind }) => kind !== 'plain') } : {},
  );
  expect(await caught()).toMatch(/snapshot .* overtaken by/);
});

it('catches a certifier that ignores checks', async () => {
  judging(() => ({ checkKeys: [] }));
  expect(await caught()).toMatch(/the check of/);
});

it('catches commits that are acknowledged before they are synced', async () => {
  expect(await caught(withoutSync)).toMatch(/serves writes again|is not in the log/);
});

it('catches causal reads that do not ask the log', async () => {
  vi.spyOn(SequencerLink.prototype, 'askTail').mockImplementation(function (this: SequencerLink) {
    return Promise.resolve(this.status.tail);
  });
  expect(await caught()).toMatch(/causally/);
});

it('catches nodes that forget the outcomes of ids', async () => {
  const forgetful =
    (open: OpenDatabase): OpenDatabase =>
    async () => {
      const database = await open();
      const getSync = database.getSync.bind(database) as (key: Buffer, options: object) => Buffer | undefined;
      const isOutcome = (key: Buffer): boolean => key.toString('latin1', 0, 1) === 'o';
      const forgets = (key: Buffer, options: object) => (isOutcome(key) ? undefined : getSync(key, options));
      return Object.assign(database, { getSync: forgets });
    };
  expect(await caught(forgetful)).toMatch(/has two outcomes|every region has applied everything/);
});

it('catches stores that lose a record now and then', async () => {
  let records = 0;
  const forgetful =
    (open: OpenDatabase): OpenDatabase =>
    async () => {
      const database = await open();
      const takes = database as unknown as {
        _batch(operations: { key: Buffer }[], options: object): Promise<void>;
      };
      const batch = takes._batch.bind(database);
      const isLost = (key: Buffer): boolean => key.toString('latin1', 0, 1) === 'd' && ++records % 100 === 0;
      takes._batch = (operations, options) =>
        batch(
          operations.filter(({ key }) => !isLost(key)),
          options,
        );
      return database;
    };
  expect(await caught(forgetful)).toMatch(/the regions differ/);
});
