import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

/** The test files below `folders`, sorted; a folder that is missing has none. */
export function testFiles(folders) {
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name)))
    .filter((path) => path.endsWith('.test.ts'))
    .sort();
}

/**
 * Counts a vitest JSON report against the test files that should have run. A test that did not pass has failed, whatever
 * the reason; so has a file without results, and a run that ended badly although every test passed.
 * Returns `{ passed, failed, problems }`, with a line in `problems` for each failure that is not a failed test.
 */
export function countTests({ report, files, ok }) {
  if (!existsSync(report)) return { passed: 0, failed: files.length, problems: ['vitest wrote no report'] };
  const suites = JSON.parse(readFileSync(report, 'utf8')).testResults;
  const problems = [];
  let passed = 0;
  let failed = 0;
  const seen = new Set();
  for (const suite of suites) {
    const path = relative(process.cwd(), resolve(suite.name));
    const statuses = suite.assertionResults.map((test) => test.status);
    const passedHere = statuses.filter((status) => status === 'passed').length;
    const notRun = statuses.filter((status) => status !== 'passed' && status !== 'failed').length;
    passed += passedHere;
    failed += statuses.length - passedHere;
    if (statuses.length > 0) seen.add(path);
    if (notRun > 0) problems.push(`${path}: ${notRun} tests did not run`);
    if (suite.status !== 'passed' && statuses.length > 0 && passedHere === statuses.length) {
      failed += 1;
      problems.push(`${path}: ${suite.message || 'the suite failed outside of its tests'}`);
    }
  }
  for (const path of files.filter((file) => !seen.has(file))) {
    failed += 1;
    problems.push(`${path}: no test ran`);
  }
  if (!ok && failed === 0) {
    failed += 1;
    problems.push('vitest failed although every test passed: see its output');
  }
  return { passed, failed, problems };
}
