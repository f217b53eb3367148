import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { countTests, testFiles, type Count } from '../../scripts/count-tests.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'count-tests-'));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Suite {
  readonly name: string;
  readonly status: 'passed' | 'failed';
  readonly tests: readonly string[];
}

/** Counts a run of a.test.ts in which these suites were reported. */
function count(suites: readonly Suite[], ok = true, files = ['a.test.ts']): Count {
  const report = join(scratch, 'report.json');
  const testResults = suites.map(({ name, status, tests }) => ({
    name: resolve(name),
    status,
    message: '',
    assertionResults: tests.map((test) => ({ status: test })),
  }));
  writeFileSync(report, JSON.stringify({ testResults }));
  return countTests({ report, files, ok });
}

const suite = (status: 'passed' | 'failed', tests: readonly string[]): Suite[] => [
  { name: 'a.test.ts', status, tests },
];

it('counts what passed and what failed', () => {
  expect(count(suite('failed', ['passed', 'passed', 'failed']), false)).toEqual({
    passed: 2,
    failed: 1,
    problems: [],
  });
});

it.each(['skipped', 'pending', 'todo', 'disabled'])('counts a test that is %s as failed', (status) => {
  expect(count(suite('passed', ['passed', status]))).toMatchObject({ passed: 1, failed: 1 });
});

it('counts a file that did not load, or that was not reported, as failed', () => {
  expect(count(suite('failed', []), false)).toMatchObject({ passed: 0, failed: 1 });
  expect(count(suite('passed', ['passed']), true, ['a.test.ts', 'b.test.ts'])).toEqual({
    passed: 1,
    failed: 1,
    problems: ['b.test.ts: no test ran'],
  });
});

it('counts a suite or a run that ended badly although its tests passed as failed', () => {
  expect(count(suite('failed', ['passed']), false)).toMatchObject({ passed: 1, failed: 1 });
  expect(count(suite('passed', ['passed']), false)).toMatchObject({ passed: 1, failed: 1 });
});

it('counts every file of a run without a report as failed', () => {
  const missing = countTests({
    report: join(scratch, 'none.json'),
    files: ['a.test.ts', 'b.test.ts'],
    ok: true,
  });
  expect(missing).toMatchObject({ passed: 0, failed: 2 });
});

it('finds test files below folders, and none in a missing folder', () => {
  expect(testFiles(['test/tidy', 'test/nowhere'])).toContain('test/tidy/count-tests.test.ts');
  expect(testFiles(['test/nowhere'])).toEqual([]);
});
