import { expect, it } from 'vitest';
import { runSeeds, type Told } from './seed-processes.js';
import { sometimes, timesMin } from './sometimes.js';
import { Counts } from './world/counts.js';

const seedsDefault = 300;
const first = Number(process.env['FROM'] ?? 1);
const count = Number(process.env['SEEDS'] ?? seedsDefault);
const processes = Number(process.env['PROCESSES'] ?? 2);
const linesMax = Number(process.env['TRACE'] ?? 80);
/** A bound for a machine that is busy with other things. */
const timeMsMax = process.env['SEEDS'] === undefined ? 900_000 : 0;

function say(line: string, isLast = false): void {
  process.stderr.write(process.stderr.isTTY ? `\r${line}\x1b[K${isLast ? '\n' : ''}` : `${line}\n`);
}

function storyOf({ seed, problems, lines }: Told): string {
  const told = problems.slice(0, 10).join('\n');
  return `seed ${seed} (make simulate SEEDS=1 FROM=${seed}):\n${told}\n\nthe last ${lines.length} events:\n${lines.join('\n')}`;
}

it(
  `holds every promise in ${count} worlds, from seed ${first} on`,
  async () => {
    const totals = new Counts();
    const startMs = performance.now();
    const failed: Told[] = [];
    let done = 0;
    const onTold = (told: Told): boolean => {
      for (const [what, times] of told.counts) totals.add(what, times);
      if (told.problems.length > 0) failed.push(told);
      done += 1;
      const seconds = Math.round((performance.now() - startMs) / 1000);
      const line = `${done} of ${count} seeds in ${seconds} s, ${totals.of('transactions')} transactions, ${totals.of('commits')} commits, ${totals.of('faults')} faults`;
      if (process.stderr.isTTY || done % 25 === 0) say(line);
      return told.problems.length === 0;
    };
    const seeds = Array.from({ length: count }, (_, i) => first + i);
    await runSeeds({ seeds, processes, linesMax, onTold });
    const sums = [...totals].sort(([a], [b]) => (a < b ? -1 : 1));
    say(sums.map(([what, times]) => `${what}: ${times}`).join('\n'), true);
    expect(failed.map(storyOf).join('\n\n')).toBe('');
    if (count < seedsDefault) return;
    for (const what of sometimes) {
      expect(totals.of(what), `how often: ${what}`).toBeGreaterThanOrEqual(timesMin);
    }
  },
  timeMsMax,
);
