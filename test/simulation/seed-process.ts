import { runSeed } from './run-seed.js';
import type { Asked, Told } from './seed-processes.js';

/** A process of its own that runs the seeds it is sent, one after another (see seed-processes.ts). */
process.on('message', (asked: Asked) => {
  void runSeed(asked.seed).then(({ seed, problems, counts, digest, trace }) => {
    const lines = problems.length === 0 ? [] : trace(asked.linesMax);
    process.send?.({ seed, problems, counts: [...counts], digest, lines } satisfies Told);
  });
});
process.on('disconnect', () => process.exit());
