import { expect, it } from 'vitest';
import { runSeed, type SeedReport } from './run-seed.js';

const first = Number(process.env['FROM'] ?? 1);
const count = Number(process.env['SEEDS'] ?? 30);
/** A bound for a machine that is busy with other things; it takes half a second a seed. */
const timeMsMax = process.env['SEEDS'] === undefined ? 900_000 : 0;
const linesShown = Number(process.env['TRACE'] ?? 80);

/** What has to happen somewhere in the default seeds, so that the promises are not held for want of trouble. */
const sometimes = [
  'commits',
  'causal reads',
  'CERTIFICATION_CONFLICT',
  'TRANSACTION_ABORTED',
  'CHECK_FAILED',
  'CAUSAL_READ_TIMEOUT',
  'SEQUENCER_UNAVAILABLE',
  'COMMIT_OUTCOME_UNKNOWN',
  'unknown, committed',
  'unknown, not committed',
  'submitted again',
  'tombstones',
  'epoch changes',
  'crashes',
  'orderly restarts',
  'home crashes with commits in flight',
  'partitions',
  'frozen nodes',
  'TRANSACTION_EXPIRED',
  'broken connections',
  'clock changes',
  'failing writes',
] as const;

function say(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r${line}\x1b[K` : `${line}\n`);
}

function storyOf({ seed, problems, trace }: SeedReport): string {
  const told = problems.slice(0, 10).join('\n');
  return `seed ${seed} (make simulate SEEDS=1 FROM=${seed}):\n${told}\n\nthe last ${linesShown} events:\n${trace(linesShown).join('\n')}`;
}

it(
  `holds every promise in ${count} worlds, from seed ${first} on`,
  async () => {
    const totals = new Map<string, number>();
    for (let seed = first; seed < first + count; seed++) {
      const report = await runSeed(seed);
      for (const [what, times] of report.counts) totals.set(what, (totals.get(what) ?? 0) + times);
      const done = seed - first + 1;
      if (process.stderr.isTTY || done % 10 === 0)
        say(`${done} of ${count} seeds, ${totals.get('commits')} commits`);
      expect(report.problems, storyOf(report)).toEqual([]);
    }
    say(
      [...totals]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([what, times]) => `${what}: ${times}`)
        .join(', '),
    );
    process.stderr.write('\n');
    if (count < 30) return;
    for (const what of sometimes) expect(totals.get(what) ?? 0, `how often: ${what}`).toBeGreaterThan(0);
  },
  timeMsMax,
);
