#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';
import { packageVersion } from '../runtime/system/package-version.js';
import { unknownVariables } from '../server/config/environment.js';
import { formatProblem } from '../server/config/problem.js';
import { bannerText } from './banner.js';
import { startLocalCluster, type LocalCluster } from './cluster.js';
import { paletteOf } from './palette.js';
import { ClusterStartError } from './start-error.js';
import { exitText, type ProcessEvent } from './supervised-process.js';

interface Options {
  readonly data?: string;
  readonly log?: 'embedded' | 'etcd';
  readonly etcdHeartbeat: number;
  readonly etcdElection: number;
  readonly etcdLease: number;
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
  .option('--data <directory>', 'where the nodes keep their data (default: data, or data/with-etcd)')
  .addOption(
    new Option('--log <kind>', "what orders every keyspace; etcd: three members of this cluster's own")
      .choices(['embedded', 'etcd'])
      .env('LOG'),
  )
  .option('--regions <directory>', 'cluster.yaml and the nodes files (default: regions/ of this package)')
  .option('--ports-from <n>', 'consecutive ports in the place of those of cluster.yaml')
  .option('--wan', 'add the round trips of cluster.yaml to the links between nodes (also: WAN=1)')
  .option('--etcd-heartbeat <ms>', "between heartbeats of etcd's leader", milliseconds, 100)
  .option('--etcd-election <ms>', 'without a heartbeat, until etcd elects another leader', milliseconds, 1000)
  .option('--etcd-lease <ms>', 'how long a silent sequencer keeps its role', milliseconds, 2000);

process.exit(await run(program.parse().opts<Options>()));

async function run(options: Options): Promise<number> {
  const wrong = unknownVariables(process.env);
  if (wrong.length > 0) return refuse(wrong.map(formatProblem).join('\n'));
  const abort = new AbortController();
  const stopped = untilStopped();
  void stopped.then(() => abort.abort());
  const wan = options.wan === true || isOn(process.env['WAN']);
  const withEtcd = options.log === 'etcd';
  const { etcdHeartbeat: heartbeatMs, etcdElection: electionMs, etcdLease: leaseMs } = options;
  let cluster: LocalCluster;
  try {
    cluster = await startLocalCluster({
      dataDirectory: options.data ?? process.env['MERIDIAN_DATA'] ?? (withEtcd ? 'data/with-etcd' : 'data'),
      etcd: withEtcd ? { timing: { heartbeatMs, electionMs }, leaseMs } : undefined,
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
function tell(event: ProcessEvent): void {
  const prefix = paint('bold', event.name);
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

function milliseconds(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return value;
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !['', '0', 'false', 'no', 'off'].includes(value.toLowerCase());
}
