import { join } from 'node:path';
import { expect } from 'vitest';
import type { Key } from '../../../src/model/keys.js';
import type { Seen } from '../../simulation/workload/observed.js';
import type { TestCluster } from '../../support/cluster.js';
import { eventually } from '../../support/eventually.js';
import { readLog } from './logs.js';
import { sendOneShot } from './one-shots.js';
import { keyspaces, transactionPath, verdictOf, type ChaosRun, type Keyspace, type Region } from './run.js';
import { judgeLog, judgeState, type StateAt } from './verdicts.js';
import { keyOf, seenOf, seqnoOf } from './wire.js';
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
  const states = new Map<Keyspace, StateAt>();
  for (const keyspace of keyspaces) states.set(keyspace, await stateEverywhere(run, keyspace));
  const problems = keyspaces.flatMap((keyspace) => judgeState(run, keyspace, states.get(keyspace)!.state));
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

/** The same in all regions while one of them is read. */
function stateEverywhere(run: ChaosRun, keyspace: Keyspace): Promise<StateAt> {
  return eventually(
    async () => {
      const before = await sharedHash(run, keyspace);
      const state = await wholeState(run.regions[2]!, keyspace);
      const after = await sharedHash(run, keyspace);
      return before.hash === after.hash && before.seqno === after.seqno && { state, seqno: after.seqno };
    },
    { withinMs: 30_000, everyMs: 100, what: `one state of ${keyspace} in all regions` },
  );
}

async function sharedHash(run: ChaosRun, keyspace: Keyspace): Promise<{ hash: string; seqno: number }> {
  const path = `/v1/keyspaces/${keyspace}/state-hash`;
  const hashes = await Promise.all(run.regions.map(({ http }) => http.json({ path })));
  const [{ hash, gtid }] = hashes;
  if (hashes.some((one) => one.hash !== hash || one.gtid !== gtid)) throw new Error(JSON.stringify(hashes));
  return { hash, seqno: seqnoOf(gtid) };
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
