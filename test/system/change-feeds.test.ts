import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Key } from '../../src/model/keys.js';
import type { Mutation } from '../../src/model/write-set.js';
import { ReplayedLog, type Replayed } from '../simulation/checks/replayed-log.js';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash, statusOf, takesWrites } from '../support/http-cluster.js';
import type { HttpClient } from '../support/http-client.js';
import { ReconnectingWatcher, type WatchedCommit } from '../support/reconnecting-watcher.js';
import { readLog } from './chaos/logs.js';

let cluster: TestCluster;
let clients: ReadonlyMap<string, HttpClient>;

beforeAll(async () => {
  cluster = await startTestCluster();
  clients = clientsOf(cluster);
});
afterAll(() => cluster.discard());

/** Writes one transaction after another, of every kind of mutation; what becomes of each is the log's to say. */
function writer(node: string): { readonly committed: () => number; stop(): Promise<void> } {
  let committed = 0;
  let stopping = false;
  const isBack = async (): Promise<boolean> =>
    stopping || (await clients.get(node)!.send({ path: '/livez' })).kind === 'reply';
  const ended = (async () => {
    for (let i = 0; !stopping; i++) {
      const mutations: object[] = [
        { sum: { key: 'count', by: 1 } },
        { set: { key: `${node}/${i % 20}`, value: i } },
      ];
      if (i % 5 === 0) mutations.push({ set: { key: `${node}/short/${i}`, value: i, ttl: 1 } });
      if (i % 7 === 0) mutations.push({ delete: { key: `${node}/${(i + 3) % 20}` } });
      if (i % 11 === 0) mutations.push({ deleteRange: { prefix: `${node}/1` } });
      const outcome = await clients.get(node)!.send({
        method: 'POST',
        path: '/v1/keyspaces/default/transact',
        headers: { 'Idempotency-Key': uuidv7() },
        body: { mutations },
      });
      if (outcome.kind === 'reply' && outcome.status === 200) committed += 1;
      else await eventually(isBack, { withinMs: 60_000, what: `an answer of ${node}` });
    }
  })();
  return {
    committed: () => committed,
    stop: () => {
      stopping = true;
      return ended;
    },
  };
}

/** Whatever is written from here on is written by the test: no commit of the cluster's own comes later. */
async function hasNothingToExpire(): Promise<boolean> {
  const left = ['us-east', 'eu-west'].map(async (node) => {
    const path = `/v1/keyspaces/default/keys?prefix=${node}/short/&causal=true`;
    return (await clients.get('us-east')!.json({ path })).entries as unknown[];
  });
  return (await Promise.all(left)).flat().length === 0;
}

it('watchers in three regions see every commit once and in order, whatever happens to their nodes', async () => {
  const { uuid } = await statusOf(clients.get('us-east')!, 'default');
  const regions = ['us-east', 'eu-west', 'ap-south'];
  const feed = (node: string): string =>
    `${cluster.node(node).httpUrl}/v1/keyspaces/default/changes?from=${uuid}:0`;
  let hops = 0;
  const watchers = new Map<string, ReconnectingWatcher>(
    regions.map((node) => [node, new ReconnectingWatcher(() => feed(node))]),
  );
  watchers.set('wandering', new ReconnectingWatcher(() => feed(regions[hops++ % 3]!)));
  await eventually(() => [...watchers.values()].every(({ streams }) => streams > 0));

  const writers = ['us-east', 'eu-west'].map((node) => writer(node));
  const commits = async (more: number): Promise<void> => {
    const before = writers.map(({ committed }) => committed());
    const moved = (): boolean => writers.some(({ committed }, i) => committed() >= before[i]! + more);
    await eventually(moved, { withinMs: 60_000, what: `${more} more commits` });
  };
  for (const node of ['ap-south', 'eu-west', 'us-east', 'ap-south']) {
    await commits(30);
    await cluster.node(node).kill();
    if (node !== 'us-east') await commits(10);
    await cluster.node(node).start();
    await takesWrites(clients.get(node)!, 'default');
  }
  await commits(30);
  await cluster.node('ap-south').stop();
  await commits(10);
  await cluster.node('ap-south').start();
  await commits(30);
  for (const one of writers) await one.stop();
  await takesWrites(clients.get('ap-south')!, 'default');
  await eventually(hasNothingToExpire, { withinMs: 30_000 });
  await sameHash(clients.values(), 'default');
  const last = `${uuid}:${(await statusOf(clients.get('us-east')!, 'default')).applied}`;
  for (const [name, watcher] of watchers) {
    await eventually(() => watcher.lastEventId === last, { withinMs: 60_000, what: `${name} at ${last}` });
  }
  expect(watchers.get('ap-south')!.problems).toContain('NODE_NOT_READY');
  expect(watchers.get('ap-south')!.streams).toBeGreaterThan(2);
  await Promise.all([...watchers.values()].map((watcher) => watcher.stop()));
  await cluster.stop();

  const log = new ReplayedLog();
  for (const entry of await readLog(join(cluster.dataDirectory, 'us-east'), 'default')) log.add(entry);
  expect(log.problems).toEqual([]);
  const expected = log.transactions
    .map((one) => eventOf(log, one, uuid))
    .filter(({ changes }) => changes.length > 0);
  expect(expected.length).toBeGreaterThan(200);
  for (const [name, { commits: seen }] of watchers) {
    const same = seen.map(({ gtid, changes }) => ({ gtid, changes: changes.map(textOf).sort() }));
    expect(same, name).toEqual(expected);
  }
}, 240_000);

/** What the feed has to show of a transaction, by the state after it; in no order. */
function eventOf(log: ReplayedLog, { seqno, writeSet, results }: Replayed, uuid: string) {
  const changes = new Set<string>();
  const ranges = writeSet.mutations.flatMap((one) => (one.kind === 'deleteRange' ? [one.range] : []));
  for (const range of ranges) changes.add(`deleted from ${range.start}`);
  const changedOf = (mutation: Mutation, place: number): Key[] =>
    mutation.kind === 'deleteRange' || (mutation.kind === 'expire' && results[place] === 0n)
      ? []
      : [mutation.key];
  for (const key of writeSet.mutations.flatMap(changedOf)) {
    const seen = log.at(key, seqno);
    const covered = ranges.some(({ start, end }) => start <= key && (end === undefined || key < end));
    if (seen !== undefined) changes.add(`${key} is ${seen.text} of version ${seen.version}`);
    else if (!covered) changes.add(`${key} is gone`);
  }
  return { gtid: `${uuid}:${seqno}`, changes: [...changes].sort() };
}

function textOf(change: WatchedCommit['changes'][number]): string {
  const range = change['deletedRange'] as { prefix: string } | undefined;
  if (range !== undefined) return `deleted from ${range.prefix}`;
  const { key, deleted, kind, value, version } = change;
  if (deleted === true) return `${String(key)} is gone`;
  const text = kind === 'counter' ? `counter ${String(value)}` : `bytes ${String(value)}`;
  return `${String(key)} is ${text} of version ${String(version)}`;
}
