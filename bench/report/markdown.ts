import { regionsOf, type Place } from '../model.js';
import type { PointResult, RunResult } from '../results.js';
import { scenarios } from '../scenarios/index.js';
import { ownFigures, peerRatios, reaches, type Figure } from './figures.js';
import { markdownTable, short, type Column } from './table.js';

const placeText: Readonly<Record<Place, string>> = {
  home: 'home',
  near: 'eu-west',
  far: 'ap-south',
  all: 'three regions',
};

const right = (head: string, cell: (row: PointResult) => string): Column<PointResult> => ({
  head,
  align: 'right',
  cell,
});
const left = (head: string, cell: (row: PointResult) => string): Column<PointResult> => ({
  head,
  align: 'left',
  cell,
});

const columns: readonly Column<PointResult>[] = [
  left('', ({ network }) => network),
  left('clients in', ({ place }) => placeText[place]),
  right('clients', ({ clients }) => String(clients)),
  left('protocol', ({ protocol }) => protocol),
  right('per second', ({ perSecond }) => short(perSecond)),
  right('p50 ms', ({ latencyMs }) => short(latencyMs.p50)),
  right('p99 ms', ({ latencyMs }) => short(latencyMs.p99)),
  right('tries', ({ triesPerOperation }) => short(triesPerOperation)),
  right('entries/s', ({ entriesPerSecond }) =>
    entriesPerSecond === undefined ? '' : short(entriesPerSecond),
  ),
  right('flushes/s', ({ flushesPerSecond }) => short(flushesPerSecond)),
  right('servers µs/op', ({ serverCpuMicros }) => short(serverCpuMicros)),
  right('load µs/op', ({ loadCpuMicros }) => short(loadCpuMicros)),
  right('steal %', ({ stealPercent }) => short(stealPercent)),
  right('others %', ({ foreignCpuPercent }) => short(foreignCpuPercent)),
  left('failed', ({ failures }) => failureText(failures)),
  left('check', ({ check }) => (check === undefined ? '' : `${check.holds ? '' : 'FAILS: '}${check.text}`)),
];

const regionColumns: readonly Column<{ point: PointResult; i: number }>[] = [
  { head: 'clients', align: 'right', cell: ({ point }) => String(point.clients) },
  { head: 'protocol', align: 'left', cell: ({ point }) => `${point.network} ${point.protocol}` },
  { head: 'region', align: 'left', cell: ({ point, i }) => regionsOf(point.place)[i]! },
  { head: 'per second', align: 'right', cell: ({ point, i }) => short(point.regions[i]!.perSecond) },
  { head: 'p50 ms', align: 'right', cell: ({ point, i }) => short(point.regions[i]!.latencyMs.p50) },
  { head: 'p99 ms', align: 'right', cell: ({ point, i }) => short(point.regions[i]!.latencyMs.p99) },
  { head: 'load CPU %', align: 'right', cell: ({ point, i }) => short(point.regions[i]!.loadCpuPercent) },
];

const acknowledgement = `What an acknowledged commit rests on:

| store            | durable (fsync) before the answer                                                      | copies before the answer                                                       |
| ---------------- | -------------------------------------------------------------------------------------- | ------------------------------------------------------------------------------ |
| Meridian         | at the home, and at the client's own node when it is another                           | 1 at the home, 2 from elsewhere; the other regions follow                      |
| Meridian on etcd | at 2 of 3 members, at the sequencer's node, and at the client's own when it is another | 2 in etcd, and the nodes' own                                                  |
| etcd             | at 2 of 3 members                                                                      | 2; the third follows                                                           |
| Galera           | at the client's own node                                                               | 3 have received it, 2 of them in memory alone; they apply and sync it after it |`;

/** The whole run as Markdown, for a file and for the terminal. */
export function markdownReport(run: RunResult): string {
  const withPeers = run.points.some(({ protocol }) => protocol === 'etcd' || protocol === 'galera');
  const parts = [
    headOf(run),
    ...scenarios.flatMap(({ name, title }) => {
      const rows = run.points.filter(({ scenario }) => scenario === name);
      return rows.length === 0 ? [] : [`## ${title}`, markdownTable(columns, rows), regionTable(rows)];
    }),
    figuresText('Figures', ownFigures(run.points)),
    withPeers ? figuresText('Rates beside the peers', peerRatios(run.points)) : '',
    withPeers ? acknowledgement : '',
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function headOf({ command, date, machine, versions, warmUpS, measuredS }: RunResult): string {
  return [
    `# ${command}`,
    '',
    `- ${date}, commit ${machine.commit}`,
    `- ${machine.cpus}, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node.js ${machine.node}`,
    `- ${Object.values(versions).join('; ')}`,
    `- data in ${machine.dataDirectory} (${machine.fileSystem}); all nodes and all load on this machine`,
    `- ${measuredS} s per row after ${warmUpS} s of warm-up, closed loop, 10,000 keys, values of 100 bytes`,
  ].join('\n');
}

function regionTable(rows: readonly PointResult[]): string {
  const lines = rows.flatMap((point) =>
    point.regions.length > 1 ? point.regions.map((_, i) => ({ point, i })) : [],
  );
  return lines.length === 0 ? '' : `By region:\n\n${markdownTable(regionColumns, lines)}`;
}

function figuresText(title: string, figures: readonly Figure[]): string {
  if (figures.length === 0) return '';
  const table = markdownTable<Figure>(
    [
      { head: 'figure', align: 'left', cell: ({ name }) => name },
      { head: 'value', align: 'right', cell: valueText },
      { head: 'goal', align: 'left', cell: goalText },
    ],
    figures,
  );
  return `## ${title}\n\n${table}`;
}

function valueText({ value, unit }: Pick<Figure, 'value' | 'unit'>): string {
  return unit === 'ratio' ? value.toFixed(3) : `${short(value)} ${unit}`;
}

function goalText(figure: Figure): string {
  if (figure.goal === undefined) return '';
  const { is, value } = figure.goal;
  return `${is} ${value}${reaches(figure) === true ? '' : ': MISSED'}`;
}

function failureText(failures: Readonly<Record<string, number>>): string {
  return Object.entries(failures)
    .map(([reason, count]) => `${count} × ${reason}`)
    .join('; ');
}
