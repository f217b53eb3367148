#!/usr/bin/env node
/** How long commits stand still when a sequencer or etcd's leader is lost, or hands over in order. docs/guides/benchmarks.md */
import { Command, InvalidArgumentError } from 'commander';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../src/local/package-root.js';
import { describeMachine, refuseMemory } from '../machine/describe.js';
import { markdownTable } from '../report/table.js';
import { Undo } from '../run/undo.js';
import { layFailoverBed, leaseMs, timing, type FailoverBed } from './bed.js';
import { handOver, killEtcdLeader, killSequencer, silenceSequencer } from './faults.js';

interface Options {
  readonly runs: number;
  readonly data: string;
}

interface Row {
  readonly what: string;
  readonly ms: readonly number[];
  /** Of the median. */
  readonly goalMs: number | undefined;
}

/** A role that is freed early, because its machine refuses connections, is so at most once a minute. */
const betweenKillsMs = 61_000;

const undo = new Undo();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void undo.run().finally(() => process.exit(130)));

const options = new Command('failover')
  .description(
    'Kills and stops the sequencer, and the leader of etcd, of a cluster of its own under commits.',
  )
  .option('--runs <n>', 'rounds of each', positive, 10)
  .option('--data <directory>', 'on a real disk', join(packageRoot, 'data/bench'))
  .parse()
  .opts<Options>();

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return value;
}

process.exitCode = await main(options);

async function main({ runs, data }: Options): Promise<number> {
  const dataDirectory = resolve(data);
  await mkdir(dataDirectory, { recursive: true });
  refuseMemory(dataDirectory);
  const directory = join(dataDirectory, `failover-${process.pid}`);
  undo.add(() => rm(directory, { recursive: true, force: true }));
  try {
    const date = new Date().toISOString();
    stage('starting…');
    const bed = await layFailoverBed(directory, undo);
    const version = (await (await bed.etcdLeader()).status())?.version;
    const rows = await measureAll(bed, runs);
    const { cpus, memoryGiB, kernel, node, fileSystem, commit } = describeMachine(dataDirectory);
    const machine = `${date}, commit ${commit}; ${cpus}, ${memoryGiB} GiB, Linux ${kernel}, Node.js ${node}, etcd ${version}, data on ${fileSystem}`;
    const settings = `Three nodes and three members of etcd on this machine, without distances; heartbeat ${timing.heartbeatMs} ms, election ${timing.electionMs} ms, lease ${leaseMs} ms.`;
    const { failures } = bed.committer;
    const lost = `Commits that the SDK gave up: ${failures.length === 0 ? 'none' : failures.join(', ')}.`;
    const title = `# make bench-failover (${process.argv.slice(2).join(' ') || 'default'})`;
    process.stdout.write(`${[title, machine, settings, table(rows), lost].join('\n\n')}\n`);
    return rows.every(({ ms, goalMs }) => goalMs === undefined || median(ms) < goalMs) ? 0 : 1;
  } finally {
    await undo.run();
  }
}

/** Rounds of each fault in turn. */
async function measureAll(bed: FailoverBed, runs: number): Promise<Row[]> {
  await bed.atHome();
  const [killed, silent, away, home, leaders]: number[][] = [[], [], [], [], []];
  let nextKillMs = -Infinity;
  for (let n = 1; n <= runs; n++) {
    const say = (what: string, ms: number): void => stage(`${n}/${runs}  ${what}: ${Math.round(ms)} ms`);
    await delay(Math.max(0, nextKillMs - performance.now()));
    nextKillMs = performance.now() + betweenKillsMs;
    killed!.push((await killSequencer(bed)).nextCommitMs);
    say("kill -9 of the sequencer's node", killed!.at(-1)!);
    const orderly = await handOver(bed);
    away!.push(orderly.away.gapMs);
    say("SIGTERM of the sequencer's node", away!.at(-1)!);
    home!.push(orderly.home.gapMs);
    say('its return home', home!.at(-1)!);
    leaders!.push((await killEtcdLeader(bed)).gapMs);
    say("kill -9 of etcd's leader", leaders!.at(-1)!);
    silent!.push((await silenceSequencer(bed)).nextCommitMs);
    say("SIGSTOP of the sequencer's node", silent!.at(-1)!);
  }
  const next = 'to the next commit through another region';
  const gap = 'longest gap between commits';
  return [
    { what: `kill -9 of the sequencer's node, ${next}`, ms: killed!, goalMs: 3000 },
    { what: `SIGSTOP of it (as if its machine were gone), ${next}`, ms: silent!, goalMs: undefined },
    { what: `SIGTERM of it, ${gap}`, ms: away!, goalMs: 300 },
    { what: `its return home, ${gap}`, ms: home!, goalMs: 300 },
    { what: `kill -9 of etcd's leader, ${gap}`, ms: leaders!, goalMs: undefined },
  ];
}

function table(rows: readonly Row[]): string {
  const whole = (ms: number): string => Math.round(ms).toLocaleString('en');
  return markdownTable(
    [
      { head: 'ms', align: 'left', cell: ({ what }: Row) => what },
      { head: 'runs', align: 'right', cell: ({ ms }: Row) => String(ms.length) },
      { head: 'median', align: 'right', cell: ({ ms }: Row) => whole(median(ms)) },
      { head: 'min', align: 'right', cell: ({ ms }: Row) => whole(Math.min(...ms)) },
      { head: 'max', align: 'right', cell: ({ ms }: Row) => whole(Math.max(...ms)) },
      { head: 'goal', align: 'left', cell: goalText },
    ],
    rows,
  );
}

function goalText({ ms, goalMs }: Row): string {
  if (goalMs === undefined) return '';
  return `median below ${goalMs.toLocaleString('en')}${median(ms) < goalMs ? '' : ': MISSED'}`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function stage(text: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
}
