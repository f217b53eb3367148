import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { limits } from '../../src/model/limits.js';
import { regionNames, type RegionName } from '../model.js';
import { markdownTable, short } from '../report/table.js';
import { saturate, setUp, viewOf, type KeyspaceView, type Stand, type StandOptions } from './stand.js';

export interface RejoinOptions extends Omit<StandOptions, 'regions'> {
  /** How long the others commit while it rejoins. */
  readonly seconds: number;
  readonly onStage: (text: string) => void;
}

const joiner: RegionName = 'ap-south';
const others = regionNames.filter((region) => region !== joiner);
const keys = 200_000;
const keysPerTransaction = 1000;
const load = { clients: 128, mutations: 1 };
const aheadS = 3;
const withinS = 120;
const pollMs = 10;

/** A node without its copy takes one by snapshot, on an idle cluster and under full write load. */
export async function rejoin(options: RejoinOptions): Promise<string> {
  const { seconds, onStage, directory } = options;
  const stand = await setUp({ ...options, regions: others });
  onStage(`loading ${keys} keys…`);
  await fill(stand);
  // So many entries a joiner would take instead of a snapshot.
  while ((await viewOf(stand.node('us-east'))).position <= limits.joinByEntriesMax)
    await saturate(stand, others, { ...load, seconds: 3 });
  await syncedAfter(stand, performance.now());
  onStage('rejoining on an idle cluster…');
  const idle = await wipeAndStart(stand, directory);
  onStage('committing without a fault…');
  const before = await saturate(stand, others, { ...load, seconds: 10 });
  onStage('rejoining under load…');
  const committing = saturate(stand, others, { ...load, seconds });
  await delay(aheadS * 1000);
  const loaded = await wipeAndStart(stand, directory);
  const during = await committing;
  const joins = [
    { name: 'idle', joined: idle },
    { name: 'under load', joined: loaded },
  ];
  const commits = [
    { name: '10 s without a fault', reports: before },
    { name: `${seconds} s, in which it rejoins`, reports: during },
  ];
  return [markdownTable(joinColumns, joins), markdownTable(commitColumns, commits)].join('\n\n');
}

interface Joined {
  readonly startedMs: number;
  readonly syncedMs: number;
  readonly view: KeyspaceView;
}

async function wipeAndStart(stand: Stand, directory: string): Promise<Joined> {
  const node = stand.node(joiner);
  await node.stop();
  rmSync(join(directory, joiner, 'default'), { recursive: true });
  const spawnedMs = performance.now();
  await node.start();
  const listensMs = performance.now();
  const view = await syncedAfter(stand, listensMs);
  if (view.join?.by !== 'snapshot') throw new Error(`it joined by ${view.join?.by}`);
  return { startedMs: listensMs - spawnedMs, syncedMs: performance.now() - listensMs, view };
}

async function syncedAfter(stand: Stand, begunMs: number): Promise<KeyspaceView> {
  for (;;) {
    const view = await viewOf(stand.node(joiner));
    if (view.state === 'synced') return view;
    if (performance.now() - begunMs > withinS * 1000)
      throw new Error(`not synced after ${withinS} s: ${view.detail}`);
    await delay(pollMs);
  }
}

async function fill(stand: Stand): Promise<void> {
  const url = `${stand.node('us-east').httpUrl}/v1/keyspaces/default/transact`;
  const value = 'v'.repeat(100);
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < keys) {
      const from = next;
      next += keysPerTransaction;
      const mutations = Array.from({ length: keysPerTransaction }, (_, i) => ({
        set: { key: `loaded/${String(from + i).padStart(7, '0')}`, value },
      }));
      const body = JSON.stringify({ mutations });
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      if (answer.status !== 200) throw new Error(await answer.text());
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 4 }, client));
}

interface JoinRow {
  readonly name: string;
  readonly joined: Joined;
}

const joinColumns = [
  { head: 'cluster', align: 'left', cell: ({ name }: JoinRow) => name },
  {
    head: 'process start to listening, s',
    align: 'right',
    cell: ({ joined }: JoinRow) => short(joined.startedMs / 1000),
  },
  {
    head: 'listening to synced, s',
    align: 'right',
    cell: ({ joined }: JoinRow) => short(joined.syncedMs / 1000),
  },
  {
    head: 'MiB',
    align: 'right',
    cell: ({ joined }: JoinRow) => short(joined.view.join!.bytes / (1024 * 1024)),
  },
] as const;

interface CommitRow {
  readonly name: string;
  readonly reports: Awaited<ReturnType<typeof saturate>>;
}

const commitColumns = [
  { head: 'commits', align: 'left', cell: ({ name }: CommitRow) => name },
  {
    head: 'per second',
    align: 'right',
    cell: ({ reports }: CommitRow) => short(reports.reduce((sum, { perSecond }) => sum + perSecond, 0)),
  },
  ...others.map((region, i) => ({
    head: `longest gap at ${region}, s (goal ≤ 1)`,
    align: 'right' as const,
    cell: ({ reports }: CommitRow) => (reports[i]!.gapMsMax / 1000).toFixed(2),
  })),
] as const;
