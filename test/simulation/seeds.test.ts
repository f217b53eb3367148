import { expect, it } from 'vitest';
import { runSeed } from './run-seed.js';

const first = Number(process.env['FROM'] ?? 1);
const count = Number(process.env['SEEDS'] ?? 30);
const tail = Number(process.env['TRACE'] ?? 60);

it(`holds every promise in ${count} worlds from seed ${first} on`, async () => {
  const totals = new Map<string, number>();
  for (let seed = first; seed < first + count; seed++) {
    const report = await runSeed(seed);
    for (const [what, times] of report.counts) totals.set(what, (totals.get(what) ?? 0) + times);
    process.stderr.write(`seed ${seed}: ${report.problems.length} problems ${report.digest.slice(0, 8)}\n`);
    if (report.problems.length === 0) continue;
    const shown = report.problems.slice(0, 10).join('\n');
    throw new Error(`seed ${seed} (SEEDS=1 FROM=${seed}):\n${shown}\n${report.trace(tail).join('\n')}`);
  }
  process.stderr.write(
    `${[...totals]
      .sort()
      .map(([what, times]) => `${what}: ${times}`)
      .join('\n')}\n`,
  );
  expect(totals.get('commits')).toBeGreaterThan(0);
});
