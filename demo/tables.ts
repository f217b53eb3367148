import Table from 'cli-table3';
import type { Paint } from '../src/local/palette.js';
import type { Percentiles } from './latency.js';
import type { DemoReport, TransferReport } from './report.js';
import type { Finding } from './verdict.js';

type Cell = string | number;
const number = new Intl.NumberFormat('en');
const count = (value: number): string => number.format(value);
const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;

/** Columns are left-aligned up to `left`, the others right-aligned. */
function tableOf(paint: Paint, left: number, [head, ...rows]: readonly Cell[][]): string {
  const table = new Table({
    head: head!.map((cell) => paint('bold', String(cell))),
    colAligns: head!.map((_, i) => (i < left ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
    chars: frame(paint),
  });
  table.push(...rows);
  return table.toString();
}

function frame(paint: Paint): Record<string, string> {
  const line = (text: string): string => paint('dim', text);
  return {
    ...{ top: line('─'), 'top-mid': line('┬'), 'top-left': line('╭'), 'top-right': line('╮') },
    ...{ bottom: line('─'), 'bottom-mid': line('┴'), 'bottom-left': line('╰'), 'bottom-right': line('╯') },
    ...{ left: line('│'), right: line('│'), middle: line('│') },
    ...{ mid: line('─'), 'mid-mid': line('┼'), 'left-mid': line('├'), 'right-mid': line('┤') },
  };
}

/** The whole report, ready to print. */
export function reportText(report: DemoReport, findings: readonly Finding[], paint: Paint): string {
  const parts: [title: string, text: string][] = [
    ['State', stateTable(report, paint)],
    ['Transfers during the load', transferTable(report, paint)],
    [
      `Commit latency, one at a time, ${report.wan ? 'with the distances' : 'without distances'}`,
      latencyTable(report, paint),
    ],
    ['Local reads, one at a time', readTable(report, paint)],
    ['Checks', findings.map((finding) => findingText(finding, paint)).join('\n')],
  ];
  return parts.map(([title, text]) => `${paint('bold', title)}\n${text}\n`).join('\n');
}

function stateTable({ states, keyspaces }: DemoReport, paint: Paint): string {
  const rows = keyspaces.flatMap(({ name, home }) =>
    states
      .filter(({ keyspace }) => keyspace === name)
      .map(({ region, node, readerHash }) => [
        name,
        region === home ? `${region} ${paint('dim', '(home)')}` : region,
        short(node.hash),
        readerHash === node.hash ? paint('green', '= node') : paint('red', short(readerHash ?? 'moved on')),
        count(node.keys),
        count(Number(node.gtid.split(':')[1])),
      ]),
  );
  const table = tableOf(paint, 4, [
    ['keyspace', 'region', 'state hash', 'reader', 'records', 'seqno'],
    ...rows,
  ]);
  const full = keyspaces.flatMap(({ name }) => {
    const hashes = new Set(states.filter(({ keyspace }) => keyspace === name).map(({ node }) => node.hash));
    return [...hashes].map((hash) => paint('dim', `${name.padEnd(8)} sha256 ${hash}`));
  });
  return [table, ...full].join('\n');
}

const short = (hash: string): string => `${hash.slice(0, 16)}${hash.length > 16 ? '…' : ''}`;

function transferTable({ transfers }: DemoReport, paint: Paint): string {
  const sum = (of: (one: TransferReport) => number): string =>
    count(transfers.reduce((total, one) => total + of(one), 0));
  return tableOf(paint, 2, [
    ['from', 'keyspace', 'committed', 'aborted and run again'],
    ...transfers.map((one) => [one.region, one.keyspace, count(one.committed), count(one.repeated)]),
    ['all', '', sum(({ committed }) => committed), sum(({ repeated }) => repeated)],
  ]);
}

function latencyTable({ commits, keyspaces, wan }: DemoReport, paint: Paint): string {
  const homes = new Map(keyspaces.map(({ name, home }) => [name, home]));
  const rows = commits.map(({ region, keyspace, latency, roundTripMs }) => [
    region,
    keyspace,
    homes.get(keyspace) === region ? paint('green', 'here') : homes.get(keyspace)!,
    ...latencyCells(latency),
    roundTripMs === undefined ? '–' : ms(roundTripMs),
    ...(wan ? [roundTripMs === undefined ? '–' : (latency.p50Ms / roundTripMs).toFixed(2)] : []),
  ]);
  const head = ['from', 'keyspace', 'home', 'commits', 'p50', 'p99', 'round trip'];
  return tableOf(paint, 3, [wan ? [...head, 'p50 / round trip'] : head, ...rows]);
}

function readTable({ reads }: DemoReport, paint: Paint): string {
  const rows = reads.map(({ region, latency }) => [region, ...latencyCells(latency)]);
  return tableOf(paint, 1, [['in', 'reads', 'p50', 'p99'], ...rows]);
}

function latencyCells({ count: measured, p50Ms, p99Ms }: Percentiles): string[] {
  return [count(measured), ms(p50Ms), ms(p99Ms)];
}

function findingText({ claim, against }: Finding, paint: Paint): string {
  if (against.length === 0) return `${paint('green', '✓')} ${claim}`;
  return [`${paint('red', '✗')} ${claim}`, ...against.map((line) => `    ${line}`)].join('\n');
}

export function loadText({ load }: DemoReport): string {
  const { cities, transactions, seconds } = load;
  const rate = count(Math.round(cities / seconds));
  return `${count(cities)} cities in ${count(transactions)} transactions, ${seconds.toFixed(1)} s, ${rate} cities/s`;
}
