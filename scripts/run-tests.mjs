/**
 * `make test`: runs every stage, also after a failed one, and ends with the line `N passed, N failed`.
 * A check counts as one; a stage of tests counts its tests. What cannot run fails: a skipped test, a suite that does not
 * load, a stage without tests, a stage that exceeds its time.
 * Stages that leave a core idle run beside each other; they are told in the order of their list.
 * Usage: node scripts/run-tests.mjs [stage …]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countTests, testFiles } from './count-tests.mjs';
import { killCommands, runCommand } from './run-command.mjs';

const minuteMs = 60_000;
/** What stages that run at once keep busy together, at the most. */
const coresMax = 2;
const check = (name, script) => ({
  name,
  command: ['npm', 'run', '--silent', script],
  timeMsMax: 5 * minuteMs,
  cores: 1,
});
const vitest = [process.execPath, 'node_modules/vitest/vitest.mjs', 'run'];
const tests = (name, { folders, timeMsMax, cores = 2, after, projects = [name] }) => ({
  name,
  folders,
  timeMsMax,
  cores,
  after,
  command: [...vitest, ...projects.map((project) => `--project=${project}`)],
});

/** Those that need one core come first: they fill each other's gaps. `after`: the stage that has to have ended. */
const stages = [
  check('types', 'typecheck'),
  check('lint', 'lint'),
  check('imports', 'imports'),
  check('tidy', 'tidy'),
  check('build', 'build'),
  tests('conformance', { folders: ['test/conformance'], timeMsMax: 15 * minuteMs, cores: 1 }),
  tests('unit', { folders: ['src', 'bench', 'test/support', 'test/golden'], timeMsMax: 15 * minuteMs }),
  tests('simulation', { folders: ['test/simulation'], timeMsMax: 20 * minuteMs }),
  tests('system', {
    folders: ['test/system'],
    projects: ['system', 'system-alone'],
    timeMsMax: 45 * minuteMs,
    after: 'build',
  }),
];

const live = process.stdout.isTTY === true;
const scratch = mkdtempSync(join(tmpdir(), 'meridian-test-'));
/** Those under way, with when they began. */
const startedMs = new Map();

function seconds(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}

/** Shows what is alive: in place on a terminal, a line per minute in a log. Returns what ends it. */
function showProgress() {
  const show = () => {
    const line = `  ${[...startedMs].map(([name, since]) => `${name} ${seconds(since)}`).join(', ')} …`;
    if (live) process.stdout.write(`\r\x1b[2K${line}`);
    else console.log(line);
  };
  const timer = setInterval(show, live ? 200 : minuteMs);
  return () => {
    clearInterval(timer);
    wipeProgress();
  };
}

function wipeProgress() {
  if (live) process.stdout.write('\r\x1b[2K');
}

async function runStage(stage) {
  if (stage.folders === undefined) {
    const { ok, output } = await runCommand(stage.command, stage.timeMsMax);
    return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, problems: [], output };
  }
  const files = testFiles(stage.folders);
  if (testFiles(stage.folders.slice(0, 1)).length === 0) {
    return { passed: 0, failed: 1, problems: [`no tests in ${stage.folders[0]}`], output: '' };
  }
  const report = join(scratch, `${stage.name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { ok, output } = await runCommand([...stage.command, ...reporters], stage.timeMsMax);
  return { ...countTests({ report, files, ok }), output };
}

/** Starts each stage, in their order, as soon as there is room and what it comes after has ended. */
async function runStages(wanted, onEnd) {
  const waiting = [...wanted];
  const unfinished = new Set(wanted.map(({ name }) => name));
  const underWay = new Set();
  let coresFree = coresMax;
  while (waiting.length > 0 || underWay.size > 0) {
    const next = waiting.findIndex(({ cores, after }) => cores <= coresFree && !unfinished.has(after));
    if (next < 0) {
      await Promise.race(underWay);
      continue;
    }
    const [stage] = waiting.splice(next, 1);
    coresFree -= stage.cores;
    startedMs.set(stage.name, performance.now());
    const run = runStage(stage).then((result) => {
      const took = seconds(startedMs.get(stage.name));
      startedMs.delete(stage.name);
      underWay.delete(run);
      unfinished.delete(stage.name);
      coresFree += stage.cores;
      onEnd(stage, { ...result, took });
    });
    underWay.add(run);
  }
}

function print({ name }, { passed, failed, took, problems, output }) {
  wipeProgress();
  const counts = `${passed} passed${failed === 0 ? '' : `, ${failed} failed`}`;
  console.log(`${failed === 0 ? '✓' : '✗'} ${name.padEnd(12)} ${took.padStart(8)}   ${counts}`);
  if (failed === 0) return;
  const text = output.trimEnd();
  if (text !== '') console.log(`\n${text}\n`);
  for (const problem of problems) console.log(`    ${name}: ${problem}`);
}

async function main() {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) throw new Error(`no such stage: ${unknown.join(', ')}`);
  const wanted = stages.filter(({ name }) => asked.length === 0 || asked.includes(name));
  const results = new Map();
  const untold = [...wanted];
  const stopProgress = showProgress();
  await runStages(wanted, (stage, result) => {
    results.set(stage, result);
    while (results.has(untold[0])) print(untold[0], results.get(untold.shift()));
  });
  stopProgress();
  const sum = (what) => [...results.values()].reduce((total, result) => total + result[what], 0);
  const total = { passed: sum('passed'), failed: sum('failed') };
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    killCommands();
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
}

process.exitCode = await main().finally(() => rmSync(scratch, { recursive: true, force: true }));
