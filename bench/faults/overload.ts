import { setTimeout as delay } from 'node:timers/promises';
import { regionNames } from '../model.js';
import { markdownTable, short } from '../report/table.js';
import { capacityOf, memoryOf, offer, setUp, type Offered, type StandOptions } from './stand.js';

export interface OverloadOptions extends Omit<StandOptions, 'regions'> {
  readonly seconds: number;
  readonly factor: number;
  readonly mutations: number;
  readonly onStage: (text: string) => void;
}

const capacityClients = 192;
const connectionsMax = 1500;
const sampleMs = 500;

/** An open loop at several times what the cluster can serve, and what it then serves, refuses, and holds in memory. */
export async function overload(options: OverloadOptions): Promise<string> {
  const { seconds, factor, mutations, onStage } = options;
  const stand = await setUp({ ...options, regions: regionNames });
  onStage('measuring the capacity…');
  const closed = { clients: capacityClients, mutations };
  await capacityOf(stand, regionNames, { ...closed, seconds: 3 });
  const capacity = await capacityOf(stand, regionNames, { ...closed, seconds: 5 });
  const memory = watchMemory(stand.cluster.nodes.map(({ pid }) => pid));
  onStage(`capacity ${short(capacity)}/s; offering ${factor} times that…`);
  const phases = [
    { perSecond: capacity / 2, seconds: 5 },
    { perSecond: capacity * factor, seconds },
    { perSecond: 1, seconds: 1 },
    { perSecond: capacity / 2, seconds: 5 },
  ];
  const [before, during, , after] = await offer(stand, regionNames, { phases, mutations, connectionsMax });
  const mib = await memory.stop();
  const rows: Row[] = [
    { name: 'half of capacity', offered: before! },
    { name: `${factor} × capacity`, offered: during! },
    { name: 'half of capacity, 1 s later', offered: after! },
  ];
  const capacityText = `Capacity, closed loop, ${capacityClients} clients, ${mutations} keys each: ${short(capacity)}/s.`;
  const memoryText = `Resident memory of the nodes while offered, MiB: ${mib.map(({ first, most }) => `${short(first)} at first, ${short(most)} at most`).join('; ')}.`;
  const share = `Served at ${factor} × capacity: ${short((during!.okPerSecond / capacity) * 100)} % of capacity.`;
  return [markdownTable(columns, rows), capacityText, share, memoryText].join('\n\n');
}

interface Row {
  readonly name: string;
  readonly offered: Offered;
}

const counts = (all: Readonly<Record<string, number>>): string =>
  Object.entries(all)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');

export const columns = [
  { head: 'offered', align: 'left', cell: ({ name }: Row) => name },
  { head: 'due', align: 'right', cell: ({ offered }: Row) => short(offered.due) },
  { head: 'served/s', align: 'right', cell: ({ offered }: Row) => short(offered.okPerSecond) },
  { head: 'p50 ms', align: 'right', cell: ({ offered }: Row) => short(offered.okMs.p50) },
  { head: 'p99 ms', align: 'right', cell: ({ offered }: Row) => short(offered.okMs.p99) },
  { head: 'refused p50 ms', align: 'right', cell: ({ offered }: Row) => short(offered.refusedMs.p50) },
  { head: 'refused p99 ms', align: 'right', cell: ({ offered }: Row) => short(offered.refusedMs.p99) },
  { head: 'answers', align: 'left', cell: ({ offered }: Row) => counts(offered.answers) },
  { head: 'unsent', align: 'right', cell: ({ offered }: Row) => String(offered.unsent) },
  { head: 'broken', align: 'left', cell: ({ offered }: Row) => counts(offered.failures) },
] as const;

function watchMemory(pids: readonly number[]): { stop(): Promise<{ first: number; most: number }[]> } {
  const seen = pids.map((pid) => ({ first: memoryOf(pid).nowMiB, most: 0 }));
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      pids.forEach((pid, i) => (seen[i]!.most = Math.max(seen[i]!.most, memoryOf(pid).nowMiB)));
      await delay(sampleMs);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await watching;
      return seen;
    },
  };
}
