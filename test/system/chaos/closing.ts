import { join } from 'node:path';
import { expect } from 'vitest';
import type { Key } from '../../../src/model/keys.js';
import type { Seen } from '../../simulation/workload/observed.js';
import type { TestCluster } from '../../support/cluster.js';
import { eventually } from '../../support/eventually.js';
import { readLog } from './logs.js';
import { sendOneShot } from './one-shots.js';
import { keyspaces, transactionPath, verdictOf, type ChaosRun, type Keyspace, type Region } from './run.js';
import { judgeLog, judgeState } from './verdicts.js';
import { keyOf, seenOf } from './wire.js';
import { opening } from './workload.js';

/** Brings what the clients of a run move about into being. */
export async function openAll(run: ChaosRun): Promise<void> {
  for (const keyspace of keyspaces) await open(run, keyspace);
}

/**
 * What is wrong after a run whose clients have all settled: stops the cluster, and reads every node's log. Besides what was
 * noted at once: an outcome that changed, regions that differ, a log that is not what the clients were told.
 */
export async function closingProblems(run: ChaosRun, cluster: TestCluster): Promise<string[]> {
  await askAgain(run);
  const states = new Map<Keyspace, ReadonlyMap<Key, Seen>>();
  for (const keyspace of keyspaces) {
    await sameHashEverywhere(run, keyspace);
    states.set(keyspace, await wholeState(run.regions[2]!, keyspace));
  }
  const problems = keyspaces.flatMap((keyspace) => judgeState(run, keyspace, states.get(keyspace)!));
  await cluster.stop();
  for (const keyspace of keyspaces) {
    const logs = await Promise.all(
      cluster.nodes.map(({ id }) => readLog(join(cluster.dataDirectory, id), keyspace)),
    );
    for (const log of logs) expect(Buffer.concat(log).equals(Buffer.concat(logs[0]!))).toBe(true);
    problems.push(...judgeLog(run, keyspace, logs[0]!, states.get(keyspace)!));
  }
  return [...run.history.violations, ...problems];
}

/** Processes that ended without having been killed. */
export function died(cluster: TestCluster): string[] {
  return cluster.events.flatMap((event) => (event.kind === 'died' ? [JSON.stringify(event)] : []));
}

export function summaryOf(run: ChaosRun): string {
  const counts = Object.fromEntries([...run.history.counts].sort());
  return `seed ${JSON.stringify(run.seed)}: ${JSON.stringify(counts)}`;
}

async function open(run: ChaosRun, keyspace: Keyspace): Promise<void> {
  run.anonymous.set(keyspace, []);
  const place = { region: run.regions[0]!, keyspace };
  const shot = { isolation: 'serializable' as const, mutations: opening() };
  expect(await sendOneShot(run, place, shot, run.random.fork('opening'))).toMatchObject({
    kind: 'committed',
  });
}

/** Every id whose outcome was unknown once has the same outcome in every region, for ever. */
async function askAgain(run: ChaosRun): Promise<void> {
  for (const { sent, traceless } of run.written.filter(({ unknown }) => unknown)) {
    for (const { http } of run.regions) {
      const path = transactionPath(sent.keyspace, sent.id, traceless ? '/rollback' : '');
      const method = traceless ? 'POST' : 'GET';
      const verdict = verdictOf(await eventually(() => http.ask({ method, path }), { what: path }));
      if (verdict.kind !== 'unknown') run.note(sent, verdict);
      else run.history.violations.push(`${sent.id} is unknown again`);
    }
  }
}

async function sameHashEverywhere(run: ChaosRun, keyspace: Keyspace): Promise<void> {
  await eventually(
    async () => {
      const path = `/v1/keyspaces/${keyspace}/state-hash`;
      const hashes = await Promise.all(run.regions.map(({ http }) => http.json({ path })));
      return new Set(hashes.map(({ hash, gtid }) => `${hash} ${gtid}`)).size === 1;
    },
    { withinMs: 30_000, everyMs: 100, what: `one hash of ${keyspace} in all regions` },
  );
}

async function wholeState({ http }: Region, keyspace: Keyspace): Promise<ReadonlyMap<Key, Seen>> {
  const state = new Map<Key, Seen>();
  let cursor: string | undefined;
  do {
    const query = `limit=1000&encoding=base64${cursor === undefined ? '' : `&cursor=${cursor}`}`;
    const page = await http.json({ path: `/v1/keyspaces/${keyspace}/keys?${query}` });
    for (const entry of page.entries) state.set(keyOf(entry), seenOf(entry));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return state;
}
