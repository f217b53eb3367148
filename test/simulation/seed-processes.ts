import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** To a process: a seed to run, and how many of its last events to tell when it fails. */
export interface Asked {
  readonly seed: number;
  readonly linesMax: number;
}

/** What a process tells of a seed. */
export interface Told {
  readonly seed: number;
  readonly problems: readonly string[];
  readonly counts: readonly (readonly [what: string, times: number])[];
  readonly digest: string;
  readonly lines: readonly string[];
}

export interface Plan {
  readonly seeds: readonly number[];
  readonly processes: number;
  readonly linesMax: number;
  /** Called in the order in which the seeds end. False: no further seed begins. */
  readonly onTold: (told: Told) => boolean;
}

const program = fileURLToPath(new URL('seed-process.ts', import.meta.url));
/** Worlds make much garbage that lives shortly. */
const nodeOptions = ['--min-semi-space-size=64', '--max-semi-space-size=128', '--import', 'tsx'];

/** Runs every seed, several at once, each process one at a time. Rejects when a process ends before its seed has. */
export async function runSeeds({ seeds, processes, linesMax, onTold }: Plan): Promise<void> {
  const left = [...seeds];
  const work = async (): Promise<void> => {
    const child = fork(program, [], { execArgv: nodeOptions });
    try {
      for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
        if (!onTold(await ask(child, { seed, linesMax }))) left.length = 0;
      }
    } finally {
      child.kill('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: Math.min(processes, seeds.length) }, work));
}

async function ask(child: ChildProcess, asked: Asked): Promise<Told> {
  const waiting = new AbortController();
  const { signal } = waiting;
  child.send(asked);
  try {
    const ended = once(child, 'exit', { signal }).then(() => {
      throw new Error(`the process of seed ${asked.seed} ended before the seed did`);
    });
    const [told] = (await Promise.race([once(child, 'message', { signal }), ended])) as [Told];
    ended.catch(() => undefined);
    return told;
  } finally {
    waiting.abort();
  }
}
