#!/usr/bin/env node
/** Measurements of a cluster under faults: too much load, a node that stands still, is slow, or has lost its copy. docs/guides/benchmarks.md */
import { Command, InvalidArgumentError, Option } from 'commander';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { packageRoot } from '../../src/local/package-root.js';
import { describeMachine, refuseMemory } from '../machine/describe.js';
import { Undo } from '../run/undo.js';
import { overload } from './overload.js';
import { rejoin } from './rejoin.js';
import { stoppedNode } from './stopped-node.js';

const scenarios = ['overload', 'stopped-node', 'slow-node', 'rejoin'] as const;

interface Options {
  readonly scenario: (typeof scenarios)[number];
  readonly seconds: number;
  readonly factor: number;
  readonly mutations: number;
  readonly data: string;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return value;
}

const program = new Command('faults')
  .description('Measures a cluster of its own under faults.')
  .addOption(new Option('--scenario <name>').choices(scenarios).makeOptionMandatory())
  .option('--seconds <n>', 'how long the fault lasts', positive, 60)
  .option('--factor <n>', 'overload: how many times the capacity', positive, 10)
  .option('--mutations <n>', 'overload: keys that one transaction writes', positive, 200)
  .option('--data <directory>', 'on a real disk', join(packageRoot, 'data/bench'));

const undo = new Undo();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void undo.run().finally(() => process.exit(130)));

async function main({ scenario, seconds, factor, mutations, data }: Options): Promise<void> {
  const dataDirectory = resolve(data);
  await mkdir(dataDirectory, { recursive: true });
  refuseMemory(dataDirectory);
  const directory = join(dataDirectory, `faults-${process.pid}`);
  undo.add(() => rm(directory, { recursive: true, force: true }));
  const common = {
    directory,
    seconds,
    undo,
    onStage: (text: string) => void process.stderr.write(`${text}\n`),
  };
  const measured = {
    overload: () => overload({ ...common, factor, mutations }),
    'stopped-node': () => stoppedNode(common),
    'slow-node': () => stoppedNode({ ...common, slowedBy: 100 }),
    rejoin: () => rejoin(common),
  };
  try {
    const date = new Date().toISOString();
    const { cpus, memoryGiB, kernel, node, fileSystem, commit } = describeMachine(dataDirectory);
    const report = await measured[scenario]();
    const machine = `${date}, commit ${commit}; ${cpus}, ${memoryGiB} GiB, Linux ${kernel}, Node.js ${node}, data on ${fileSystem}`;
    process.stdout.write(`# ${scenario} (${process.argv.slice(2).join(' ')})\n\n${machine}\n\n${report}\n`);
  } finally {
    await undo.run();
  }
}

await main(program.parse().opts<Options>());
