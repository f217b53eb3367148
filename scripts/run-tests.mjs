/**
 * `make test`: runs every stage, also after a failed one, and ends with the line `N passed, N failed`.
 * A check counts as one; a stage of tests counts its tests. What cannot run fails: a skipped test, a suite that does not
 * load, a stage without tests, a stage that exceeds its time.
 * Usage: node scripts/run-tests.mjs [stage …]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countTests, testFiles } from './count-tests.mjs';

const minuteMs = 60_000;
const check = (name, script, timeMsMax) => ({ name, command: ['npm', 'run', '--silent', script], timeMsMax });
const tests = (name, folders, timeMsMax) => ({
  name,
  folders,
  timeMsMax,
  command: [process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--project', name],
});

const stages = [
  check('types', 'typecheck', 5 * minuteMs),
  check('lint', 'lint', 5 * minuteMs),
  check('imports', 'imports', 5 * minuteMs),
  check('tidy', 'tidy', 5 * minuteMs),
  tests('unit', ['src', 'bench', 'test/support', 'test/golden'], 15 * minuteMs),
  tests('conformance', ['test/conformance'], 15 * minuteMs),
  tests('simulation', ['test/simulation'], 20 * minuteMs),
  check('build', 'build', 5 * minuteMs),
  tests('system', ['test/system'], 45 * minuteMs),
];

const live = process.stdout.isTTY === true;
const scratch = mkdtempSync(join(tmpdir(), 'meridian-test-'));
let running;

function seconds(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}

/** Runs a command in a process group of its own, so that nothing it started outlives it. */
function run([program, ...args], timeMsMax) {
  return new Promise((resolve) => {
    const output = [];
    let timedOut = false;
    let problem;
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running = child;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child, 'SIGKILL');
    }, timeMsMax);
    const end = (code) => {
      clearTimeout(timer);
      running = undefined;
      if (problem !== undefined) output.push(Buffer.from(`${problem}\n`));
      resolve({ ok: code === 0 && problem === undefined, output: Buffer.concat(output).toString() });
    };
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => {
      problem = error.message;
      end(1);
    });
    child.on('exit', (code, signal) => {
      if (timedOut) problem = `stopped: it ran longer than ${timeMsMax / minuteMs} min`;
      else if (signal !== null) problem = `ended by ${signal}`;
      killGroup(child, 'SIGKILL');
      // A process that left the group may hold the pipes open for ever.
      const patience = setTimeout(end, 2000, code);
      child.on('close', () => {
        clearTimeout(patience);
        end(code);
      });
    });
  });
}

function killGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Shows that a stage is alive: in place on a terminal, a line per minute in a log. */
function showProgress(name, startedMs) {
  if (live) process.stdout.write(`  ${name} …`);
  const period = live ? 200 : minuteMs;
  const timer = setInterval(() => {
    if (live) process.stdout.write(`\r  ${name.padEnd(12)} ${seconds(startedMs)} …`);
    else console.log(`  ${name.padEnd(12)} ${seconds(startedMs)} …`);
  }, period);
  return () => {
    clearInterval(timer);
    if (live) process.stdout.write('\r\x1b[2K');
  };
}

async function runStage(stage) {
  if (stage.folders === undefined) {
    const { ok, output } = await run(stage.command, stage.timeMsMax);
    return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, problems: [], output };
  }
  const files = testFiles(stage.folders);
  if (testFiles(stage.folders.slice(0, 1)).length === 0) {
    return { passed: 0, failed: 1, problems: [`no tests in ${stage.folders[0]}`], output: '' };
  }
  const report = join(scratch, `${stage.name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { ok, output } = await run([...stage.command, ...reporters], stage.timeMsMax);
  return { ...countTests({ report, files, ok }), output };
}

function printFailure(name, { problems, output }) {
  const text = output.trimEnd();
  if (text !== '') console.log(`\n${text}\n`);
  for (const problem of problems) console.log(`    ${name}: ${problem}`);
}

async function main() {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) throw new Error(`no such stage: ${unknown.join(', ')}`);
  const total = { passed: 0, failed: 0 };
  for (const stage of stages) {
    if (asked.length > 0 && !asked.includes(stage.name)) continue;
    const startedMs = performance.now();
    const stopProgress = showProgress(stage.name, startedMs);
    const result = await runStage(stage);
    stopProgress();
    total.passed += result.passed;
    total.failed += result.failed;
    const mark = result.failed === 0 ? '✓' : '✗';
    const counts = `${result.passed} passed${result.failed === 0 ? '' : `, ${result.failed} failed`}`;
    console.log(`${mark} ${stage.name.padEnd(12)} ${seconds(startedMs).padStart(8)}   ${counts}`);
    if (result.failed > 0) printFailure(stage.name, result);
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    if (running !== undefined) killGroup(running, 'SIGKILL');
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
}

process.exitCode = await main().finally(() => rmSync(scratch, { recursive: true, force: true }));
