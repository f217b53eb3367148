#!/usr/bin/env node
import { Command } from 'commander';
import { resolve } from 'node:path';
import { packageVersion } from '../runtime/system/package-version.js';
import { unknownVariables } from '../server/config/environment.js';
import { formatProblem } from '../server/config/problem.js';
import { bannerText } from './banner.js';
import { startLocalCluster, type LocalCluster } from './cluster.js';
import { exitText, type NodeEvent } from './local-node.js';
import { paletteOf } from './palette.js';
import { ClusterStartError } from './start-error.js';

interface Options {
  readonly data: string;
  readonly regions?: string;
  readonly portsFrom?: string;
  readonly wan?: boolean;
}

/** Longer than a home waits for its peers. */
const readyMsMax = 15_000;

const paint = paletteOf(process.stdout, process.env['NO_COLOR']);
const say = (text: string): void => void process.stdout.write(text);
// A terminal that has gone must not keep the nodes from being stopped.
process.stdout.on('error', () => {});

const program = new Command('local-cluster')
  .description('A whole cluster on this machine, one process per region.')
  .option('--data <directory>', 'where the nodes keep their data', process.env['MERIDIAN_DATA'] ?? 'data')
  .option('--regions <directory>', 'cluster.yaml and the nodes files (default: regions/ of this package)')
  .option('--ports-from <n>', 'consecutive ports in the place of those of cluster.yaml')
  .option('--wan', 'add the round trips of cluster.yaml to the links between nodes (also: WAN=1)');

process.exit(await run(program.parse().opts<Options>()));

async function run(options: Options): Promise<number> {
  const wrong = unknownVariables(process.env);
  if (wrong.length > 0) return refuse(wrong.map(formatProblem).join('\n'));
  const abort = new AbortController();
  const stopped = untilStopped();
  void stopped.then(() => abort.abort());
  const wan = options.wan === true || isOn(process.env['WAN']);
  let cluster: LocalCluster;
  try {
    cluster = await startLocalCluster({
      dataDirectory: options.data,
      regionsDirectory: options.regions,
      basePort: options.portsFrom === undefined ? undefined : Number(options.portsFrom),
      wan,
      restart: true,
      waitReady: false,
      onEvent: tell,
      signal: abort.signal,
    });
  } catch (error) {
    if (abort.signal.aborted) return goodbye();
    if (error instanceof ClusterStartError) return refuse(error.message);
    throw error;
  }
  const unready = await Promise.race([notReady(cluster), stopped]);
  const usualPorts = options.portsFrom === undefined && options.regions === undefined;
  const workingDirectory = resolve('.');
  if (!abort.signal.aborted)
    say(
      bannerText({ ...cluster, version: await packageVersion(), wan, workingDirectory, usualPorts }, paint),
    );
  if (unready !== undefined && !abort.signal.aborted) say(`${paint('yellow', unready)}\n\n`);
  await stopped;
  await cluster.stop();
  return goodbye();
}

/** Undefined once every node takes writes; else what is missing, which may take the operator's word to mend. */
async function notReady(cluster: LocalCluster): Promise<string | undefined> {
  try {
    await cluster.ready(readyMsMax);
    return undefined;
  } catch (error) {
    if (error instanceof ClusterStartError) return error.message;
    throw error;
  }
}

function goodbye(): number {
  say('Stopped.\n');
  return 0;
}

function refuse(message: string): number {
  process.stderr.write(`${message}\n`);
  return 1;
}

function untilStopped(): Promise<void> {
  return new Promise((resolveStopped) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolveStopped());
  });
}

/** Warnings and errors of the nodes, and what becomes of their processes; all else is in their log files. */
function tell(event: NodeEvent): void {
  const prefix = paint('bold', event.node);
  switch (event.kind) {
    case 'log': {
      const { level, text } = event.line;
      if (level === 'debug' || level === 'info') return;
      const colour = level === 'warn' ? 'yellow' : 'red';
      return say(`${prefix} ${level === 'crash' ? '' : `${paint(colour, level)} `}${text}\n`);
    }
    case 'died': {
      const next = event.restartMs === undefined ? '' : `; it starts again in ${event.restartMs / 1000} s`;
      return say(`${prefix} ${paint('red', exitText(event.exit))}${next}\n`);
    }
    case 'restarted':
      return say(`${prefix} ${paint('green', 'runs again')}\n`);
  }
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !['', '0', 'false', 'no', 'off'].includes(value.toLowerCase());
}
