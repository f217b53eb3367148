import { setTimeout as pause } from 'node:timers/promises';
import type { LocalCluster } from '../src/local/cluster.js';
import { bankKeyspaces, fixedTotal, openAccounts } from './accounts.js';
import { dealBatches, spread, type CitiesByKeyspace, type CityRecord } from './cities.js';
import { linkRoundTrips, measureCommits, measureReads } from './latency.js';
import { batchSize, loadThrough } from './load.js';
import type { CityKeyspace } from './placement.js';
import type { Progress } from './progress.js';
import { connectRegions, type RegionClient } from './region-client.js';
import { inspectState, settled } from './regional-state.js';
import type { CommitReport, DemoReport, Expected, LoadReport, TransferReport } from './report.js';
import { measurementRounds, type Homes } from './rounds.js';
import { seededRandom } from './seeded-random.js';
import { Teller } from './transfers.js';

export interface DemoSettings {
  readonly wan: boolean;
  /** Commits that are measured per region and keyspace. */
  readonly commits: number;
  /** Transfers that each region commits in each bank, at least. */
  readonly transfersMin: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** A new line or bar on the screen. */
  readonly progress: (label: string, total: number) => Progress;
}

interface Stage extends DemoSettings, Homes {
  readonly clients: readonly RegionClient[];
  readonly cities: CitiesByKeyspace;
}

const readsMeasured = 500;
const roundTripSamples = 7;

/** The demo on a cluster that serves. Rejects with a MeridianError or DemoError when a call fails for good. */
export async function runDemo(
  cluster: LocalCluster,
  cities: CitiesByKeyspace,
  settings: DemoSettings,
): Promise<DemoReport> {
  const { nodes, keyspaces } = cluster.config;
  const clients = await connectRegions(cluster, settings.signal);
  const homes = {
    regions: clients.map(({ region }) => region),
    keyspaces: keyspaces.map(({ name, node }) => ({
      name,
      home: nodes.find(({ id }) => id === node)!.region,
    })),
  };
  // What goes on beside the thing that failed is given up with it.
  const over = new AbortController();
  const signal = AbortSignal.any([settings.signal, over.signal]);
  const stage: Stage = { ...settings, ...homes, signal, clients, cities };
  try {
    const { load, transfers } = await loadAndTransfer(stage);
    await settled(clients, signal);
    const commits = await measureAll(stage);
    const reads = await readEverywhere(stage);
    const calm = await settled(clients, signal);
    const states = await inspectAll(stage);
    const expected = expectations(stage, transfers);
    return { wan: settings.wan, ...homes, load, transfers, commits, reads, settled: calm, states, expected };
  } finally {
    over.abort();
    for (const { sdk } of clients) sdk.close();
  }
}

async function loadAndTransfer(
  stage: Stage,
): Promise<{ load: LoadReport; transfers: readonly TransferReport[] }> {
  const { clients, cities, signal } = stage;
  const total = citiesIn(cities);
  const progress = stage.progress('load', total);
  const tellers = await openBanks(stage);
  const hands = dealBatches(cities, batchSize, clients.length);
  let loaded = 0;
  let loading = true;
  const show = (): void => progress.show(loaded, transfersNote(tellers));
  const startedMs = performance.now();
  const work = tellers.map((teller) => teller.work(() => !loading && teller.committed >= stage.transfersMin));
  const onLoaded = (count: number): void => {
    loaded += count;
    show();
  };
  try {
    const all = clients.map((client, i) => loadThrough(client, hands[i]!, { signal, onLoaded }));
    let seconds = 0;
    const loadDone = Promise.all(all).then(() => {
      loading = false;
      seconds = (performance.now() - startedMs) / 1000;
    });
    await Promise.all([loadDone, ...work]);
    show();
    const transactions = hands.reduce((sum, batches) => sum + batches.length, 0);
    const transfers = tellers.map(({ bank, committed, repeated }) => ({
      ...{ region: bank.client.region, keyspace: bank.keyspace },
      ...{ committed, repeated },
    }));
    return { load: { cities: total, transactions, seconds }, transfers };
  } finally {
    progress.end();
  }
}

async function openBanks({ clients, keyspaces, seed, signal, wan }: Stage): Promise<Teller[]> {
  const tellers: Teller[] = [];
  for (const keyspace of bankKeyspaces) {
    const { home } = keyspaces.find(({ name }) => name === keyspace)!;
    const gtid = await openAccounts(
      clients.find(({ region }) => region === home)!,
      keyspace,
      signal,
    );
    for (const client of clients) {
      // Every region begins behind the opening of the accounts.
      client.sdk.causality.import({ [keyspace]: gtid });
      const random = seededRandom(seed + tellers.length);
      // As long as a commit takes: else the region next to the home would win every time.
      tellers.push(new Teller({ client, keyspace, random, signal, pauseMsMax: wan ? 200 : 30 }));
    }
  }
  return tellers;
}

function transfersNote(tellers: readonly Teller[]): string {
  const committed = tellers.reduce((sum, teller) => sum + teller.committed, 0);
  const repeated = tellers.reduce((sum, teller) => sum + teller.repeated, 0);
  return `transfers: ${committed} committed, ${repeated} run again`;
}

function citiesIn(cities: CitiesByKeyspace): number {
  return [...cities.values()].reduce((sum, records) => sum + records.length, 0);
}

async function measureAll(stage: Stage): Promise<CommitReport[]> {
  const { clients, keyspaces, signal, commits: count } = stage;
  // Lets the stores finish what the load has left behind.
  await pause(1000, undefined, { signal });
  const roundTrips = await Promise.all(
    clients.map((client) => linkRoundTrips(client, roundTripSamples, signal)),
  );
  const progress = stage.progress('commits', clients.length * keyspaces.length * count);
  const found: CommitReport[] = [];
  let done = 0;
  try {
    for (const round of measurementRounds(stage, stage.wan)) {
      const note = round.map(({ region, keyspace }) => `${region} → ${keyspace}`).join(', ');
      const onDone = (): void => progress.show(++done, note);
      const measured = round.map(async ({ region, keyspace }) => {
        const at = clients.findIndex((client) => client.region === region);
        const { home } = keyspaces.find(({ name }) => name === keyspace)!;
        const measuring = { count, signal, onDone };
        const latency = await measureCommits(clients[at]!, keyspace, measuring);
        return { region, keyspace, latency, roundTripMs: roundTrips[at]!.get(home) };
      });
      found.push(...(await Promise.all(measured)));
    }
  } finally {
    progress.end();
  }
  const place = ({ region, keyspace }: CommitReport): number =>
    stage.regions.indexOf(region) * keyspaces.length + keyspaces.findIndex(({ name }) => name === keyspace);
  return found.sort((a, b) => place(a) - place(b));
}

async function readEverywhere({ clients, cities, signal }: Stage): Promise<DemoReport['reads']> {
  const places = [...cities].flatMap(([keyspace, records]) => records.map(({ key }) => ({ keyspace, key })));
  const chosen = spread(places, readsMeasured);
  const reads = [];
  for (const client of clients)
    reads.push({ region: client.region, latency: await measureReads(client, chosen, signal) });
  return reads;
}

async function inspectAll(stage: Stage): Promise<DemoReport['states']> {
  const { clients, keyspaces, signal } = stage;
  const progress = stage.progress('verify', clients.length * keyspaces.length);
  const states = [];
  try {
    for (const { name } of keyspaces)
      for (const client of clients) {
        states.push(await inspectState(client, name, { loaded: loadedInto(stage, name), signal }));
        progress.show(states.length, `${name} in ${client.region}`);
      }
  } finally {
    progress.end();
  }
  return states;
}

function loadedInto({ cities }: Stage, keyspace: string): readonly CityRecord[] {
  return cities.get(keyspace as CityKeyspace) ?? [];
}

function expectations(stage: Stage, transfers: readonly TransferReport[]): Map<string, Expected> {
  const banks: readonly string[] = bankKeyspaces;
  return new Map(
    stage.keyspaces.map(({ name }) => [
      name,
      {
        cities: loadedInto(stage, name).length,
        measured: stage.clients.length * stage.commits,
        accountsTotal: banks.includes(name) ? fixedTotal : 0,
        transfers: transfers
          .filter(({ keyspace }) => keyspace === name)
          .reduce((sum, { committed }) => sum + committed, 0),
      },
    ]),
  );
}
