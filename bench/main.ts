#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { packageRoot } from '../src/local/package-root.js';
import { describeMachine, refuseMemory } from './machine/describe.js';
import type { Network, Protocol } from './model.js';
import { markdownReport } from './report/markdown.js';
import { short } from './report/table.js';
import type { PointResult, RunResult } from './results.js';
import { runPlan, type PlannedPoint } from './run/run.js';
import { Undo } from './run/undo.js';
import { scenarios } from './scenarios/index.js';
import { pointsOf, type Form } from './scenarios/scenario.js';
import { isAlive } from './wan/emulator.js';

interface Options {
  readonly peers?: boolean;
  readonly withEtcd?: boolean;
  readonly full?: boolean;
  readonly quick?: boolean;
  readonly seconds?: number;
  readonly warmUp?: number;
  readonly rounds?: number;
  readonly scenario?: readonly string[];
  readonly protocol?: readonly Protocol[];
  readonly network?: Network;
  readonly clients?: readonly number[];
  readonly data: string;
  readonly keep?: boolean;
  readonly results: string;
}

const list = (text: string): string[] => text.split(',').filter((word) => word !== '');
const { stdout, stderr } = process;
// Who reads it may have gone; what was started is still to be stopped.
stdout.on('error', () => {});

const program = new Command('bench')
  .description('Measures a cluster of its own; with --peers, beside etcd and MariaDB Galera.')
  .option('--peers', 'in network namespaces, beside etcd and Galera in turns (root)')
  .option('--with-etcd', 'also a cluster whose log is on etcd (meridian-etcd); --peers has it')
  .option('--full', 'every point, 20 s each')
  .option('--quick', 'with --peers: the points that matter most, 5 s each')
  .option('--seconds <n>', 'measured per point', positive)
  .option('--warm-up <n>', 'seconds before each; 0: servers are not warmed up either', wholeNumber)
  .option('--rounds <n>', 'how often each point is measured', positive)
  .option('--scenario <names>', scenarios.map(({ name }) => name).join(', '), list)
  .option('--protocol <names>', 'http, grpc, sdk, meridian-etcd, fastify, etcd, galera', list)
  .addOption(new Option('--network <name>', 'only this one').choices(['lan', 'wan']))
  .option('--clients <counts>', 'only points of so many clients', (text) => list(text).map(positive))
  .option('--data <directory>', 'for the data of all stores, on a real disk', join(packageRoot, 'data/bench'))
  .option('--results <directory>', 'for the results', join(packageRoot, 'bench/results'))
  .option('--keep', 'leave data and logs where they are');

function wholeNumber(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('a whole number');
  return value;
}

function positive(text: string): number {
  if (wholeNumber(text) === 0) throw new InvalidArgumentError('a whole number from 1 on');
  return Number(text);
}

const undo = new Undo();
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (stopped) return;
    stopped = true;
    stderr.write('\nstopping…\n');
    void undo.run().finally(() => process.exit(130));
  });

process.exitCode = await main(program.parse().opts<Options>());

async function main(options: Options): Promise<number> {
  const form = formOf(options);
  const long = form === 'full' || form === 'peers';
  const plan = plannedPoints(form, options);
  if (plan.length === 0) {
    stderr.write('No point is left to measure: see --help.\n');
    return 2;
  }
  const { seconds: measuredS = long ? 20 : form === 'quick' ? 5 : 4, warmUp: warmUpS = long ? 3 : 2 } =
    options;
  const date = new Date().toISOString();
  const dataDirectory = resolve(options.data);
  await mkdir(dataDirectory, { recursive: true });
  refuseMemory(dataDirectory);
  await removeStaleRuns(dataDirectory);
  const directory = join(dataDirectory, `run-${process.pid}`);
  if (options.keep !== true) undo.add(() => rm(directory, { recursive: true, force: true }));
  const machine = describeMachine(dataDirectory);
  const versions: Record<string, string> = {};
  const points: PointResult[] = [];
  try {
    await runPlan({
      points: plan,
      peers: options.peers === true,
      rounds: options.rounds ?? 1,
      ...{ warmUpS, measuredS, directory, undo },
      onStage: (text) => stderr.write(`${text}\n`),
      onVersion: (protocol, version) => (versions[protocol] = version),
      onResult: (result, done, of) => {
        points.push(result);
        stderr.write(`${progressLine(result, done, of)}\n`);
      },
    });
  } catch (error) {
    if (!stopped) throw error;
    await new Promise(() => {});
  } finally {
    await undo.run();
  }
  const command = `${options.peers === true ? 'make bench-peers' : 'make bench'} (${process.argv.slice(2).join(' ') || form})`;
  const distinct = Object.fromEntries(
    [...new Set(Object.values(versions))].map((version) => [version, version]),
  );
  await publish({ command, date, machine, versions: distinct, warmUpS, measuredS, points }, options.results);
  return points.every(({ check }) => check?.holds !== false) ? 0 : 1;
}

function formOf({ peers, full, quick }: Options): Form {
  if (peers === true) return quick === true ? 'quick' : 'peers';
  return full === true ? 'full' : 'short';
}

function plannedPoints(form: Form, options: Options): PlannedPoint[] {
  const peers: readonly Protocol[] = ['etcd', 'galera'];
  const withEtcd = options.peers === true || options.withEtcd === true;
  return scenarios
    .filter(({ name }) => options.scenario?.includes(name) ?? true)
    .flatMap((scenario) => {
      const protocols = scenario.protocols.filter(
        (one) =>
          (options.protocol?.includes(one) ?? (one !== 'meridian-etcd' || withEtcd)) &&
          (options.peers === true || !peers.includes(one)),
      );
      return pointsOf(scenario, form).map((point) => ({ point, protocols }));
    })
    .filter(({ protocols }) => protocols.length > 0)
    .filter(({ point }) => options.network === undefined || point.network === options.network)
    .filter(({ point }) => options.clients?.includes(point.clients) ?? true);
}

function progressLine(result: PointResult, done: number, of: number): string {
  const { scenario, network, place, clients, protocol, perSecond, latencyMs, check } = result;
  const what = `${scenario} ${network} ${place} ${clients} ${protocol}`.padEnd(44);
  const figures = `${short(perSecond).padStart(7)}/s  p50 ${short(latencyMs.p50)} ms`;
  return `${String(done).padStart(3)}/${of} ${what} ${figures}  ${check?.text ?? ''}`.trimEnd();
}

async function publish(run: RunResult, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const name = join(directory, run.date.replaceAll(/[:.]/g, '-'));
  const report = markdownReport(run);
  await writeFile(`${name}.json`, `${JSON.stringify(run, undefined, 1)}\n`);
  await writeFile(`${name}.md`, report);
  stdout.write(`\n${report}\n${name}.md, and .json with every figure\n`);
}

/** Data of runs whose process was killed. */
async function removeStaleRuns(dataDirectory: string): Promise<void> {
  for (const name of await readdir(dataDirectory)) {
    const pid = Number(/^run-(\d+)$/.exec(name)?.[1]);
    if (!Number.isNaN(pid) && !isAlive(pid)) await rm(join(dataDirectory, name), { recursive: true });
  }
}
