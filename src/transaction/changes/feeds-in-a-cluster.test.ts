import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { everyKey, readUpTo, shown } from '../../../test/support/feed-bench.js';
import { InProcessCluster } from '../../../test/support/in-process-cluster.js';
import {
  add,
  failureOf,
  key,
  local,
  oneShot,
  put,
  remove,
  removeRange,
  valueOf,
} from '../../../test/support/requests.js';
import { gtid, type Gtid } from '../../model/gtid.js';
import { mintKeyspaceId, seqno } from '../../model/ids.js';
import { rangeContains, type Key } from '../../model/keys.js';
import type { VersionedValue } from '../../model/value.js';
import type { Change, ChangeFeed, MutationRequest } from '../service.js';

let cluster: InProcessCluster;
beforeEach(async () => {
  cluster = await InProcessCluster.start();
});
afterEach(() => cluster.stop());

const at = (value: number): Gtid => gtid(cluster.history, seqno(value));
const write = async (node: string, ...mutations: MutationRequest[]): Promise<Gtid> =>
  valueOf(await cluster.keyspace(node).transact(oneShot({ mutations }))).gtid;
const watch = (node: string, from: Gtid | undefined = at(0)): ChangeFeed =>
  valueOf(cluster.keyspace(node).changes({ from, range: everyKey }));

describe('a feed on each node', () => {
  it('gives the same commits in the same order, and goes on in another region without gap or repeat', async () => {
    const feeds = ['home', 'east', 'west'].map((node) => watch(node));
    for (let i = 0; i < 5; i++) {
      await Promise.all(['home', 'east', 'west'].map((node) => write(node, put(node, `${i}`), add('n'))));
    }
    const [first, ...others] = await Promise.all(feeds.map((feed) => readUpTo(feed, at(15))));
    expect(first).toHaveLength(15);
    expect(others).toEqual([first, first]);
    const hops = [];
    for (let from = 0; from < 15;) {
      const feed = watch(['home', 'east', 'west'][from % 3]!, at(from));
      const { commits } = valueOf(await feed.next());
      hops.push(shown(commits[0]!));
      feed.close();
      from += 1;
    }
    expect(hops).toEqual(first);
  });

  it('waits where it is ahead of its node, and goes on when that has caught up', async () => {
    cluster.network.hold('home', 'west', 'entries');
    const last = await write('home', put('a', '1'));
    const feed = watch('west', last);
    const next = feed.next();
    await write('home', put('b', '2'));
    cluster.network.release('home', 'west', 'entries');
    expect(valueOf(await next).commits.map(shown)).toEqual(['2: b=2']);
  });

  it('goes on after a restart of its node where it was', async () => {
    await write('east', put('a', '1'), add('n', 5n));
    const feed = watch('east');
    expect(await readUpTo(feed, at(1))).toEqual(['1: a=1 n=5']);
    const waiting = feed.next();
    await cluster.stopNode('east');
    expect(failureOf(await waiting)).toMatchObject({
      code: 'NODE_NOT_READY',
      details: { state: 'draining' },
    });
    await write('home', add('n', 1n));
    await cluster.startNode('east');
    await cluster.settled();
    expect(await readUpTo(watch('east', feed.position), at(2))).toEqual(['2: n=6']);
    expect(await readUpTo(watch('east'), at(2))).toEqual(['1: a=1 n=5', '2: n=6']);
  });

  it('ends at once when its node drains, and when it differs from the log', async () => {
    const drained = watch('west').next();
    cluster.node('west').drain();
    expect(failureOf(await drained).code).toBe('NODE_NOT_READY');
    const waiting = watch('east').next();
    await cluster.stopNode('home');
    cluster.replaceDisk('home');
    await cluster.beginHistory('home', mintKeyspaceId(Buffer.alloc(16, 9)));
    await cluster.startNode('home');
    expect(failureOf(await waiting).code).toBe('NODE_INCONSISTENT');
  });
});

it('an expired key is deleted in the feed when it is, and not by an expire that a renewal came before', async () => {
  await write('home', put('k', 'old', 1000));
  // What the home proposes waits behind the renewal.
  cluster.network.hold('home', 'home', 'certify');
  await eventually(() => cluster.network.waiting('home', 'home', 'certify') > 0, { withinMs: 20_000 });
  const renewed = await write('east', put('k', 'renewed', 600_000));
  cluster.network.release('home', 'home', 'certify');
  await eventually(() => cluster.status('home').applied > 2, { withinMs: 20_000 });
  expect(renewed).toBe(at(2));
  await write('home', put('short', 'x', 500));
  const feed = watch('west');
  const commits: string[] = [];
  while (!commits.some((commit) => commit.includes('-')))
    commits.push(...valueOf(await feed.next()).commits.map(shown));
  expect(commits.filter((commit) => !commit.includes('short'))).toEqual(['1: k=old', '2: k=renewed']);
  expect(commits.at(-1)).toMatch(/^\d+: -short$/);
});

describe('the feed from the first commit on', () => {
  it('folded into a map is the list of all keys, with versions and values', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(transaction, { minLength: 1, maxLength: 12 }), async (transactions) => {
        const before = cluster.status('home').applied;
        const folded = new Map<Key, VersionedValue>();
        const live = watch('east', at(before));
        const known = valueOf(await cluster.keyspace('home').list(everyKey, page));
        for (const entry of known.entries) folded.set(entry.key, entry.value);
        for (const [i, mutations] of transactions.entries()) {
          await cluster.keyspace(i % 2 === 0 ? 'east' : 'home').transact(oneShot({ mutations }));
        }
        await cluster.settled();
        const { gtid: last, entries } = valueOf(await cluster.keyspace('west').list(everyKey, page));
        await foldUpTo(live, last, folded);
        const fromStore = new Map<Key, VersionedValue>();
        await foldUpTo(watch('west'), last, fromStore);
        const listed = entries.map(({ key: of, value }) => [of, value]);
        expect(sorted(folded)).toEqual(listed);
        expect(sorted(fromStore)).toEqual(listed);
        live.close();
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});

const page = { ...local, limit: 1000, reverse: false };

const text = fc.constantFrom('a', 'b', 'c', 'd');
/** Counters have keys of their own: elsewhere they would meet bytes. */
const mutation: fc.Arbitrary<MutationRequest> = fc.oneof(
  fc.tuple(text, fc.string({ maxLength: 3 })).map(([of, value]) => put(of, value)),
  text.map(remove),
  fc
    .tuple(text, text)
    .map(([one, other]) => (one < other ? removeRange(one, other) : removeRange(other, `${one}z`))),
  fc
    .tuple(fc.constantFrom('sum', 'min', 'max'), text, fc.bigInt(-9n, 9n))
    .map(([kind, of, operand]) => ({ kind, key: key(`n${of}`), operand, ttlMs: undefined })),
);
const transaction = fc.array(mutation, { minLength: 1, maxLength: 6 });

async function foldUpTo(feed: ChangeFeed, position: Gtid, into: Map<Key, VersionedValue>): Promise<void> {
  while (feed.position !== position) {
    for (const { changes } of valueOf(await feed.next()).commits)
      for (const change of changes) fold(change, into);
  }
}

function fold(change: Change, into: Map<Key, VersionedValue>): void {
  if (change.kind === 'set') into.set(change.key, change.value);
  else if (change.kind === 'deleted') into.delete(change.key);
  else for (const of of [...into.keys()]) if (rangeContains(change.range, of)) into.delete(of);
}

const sorted = (map: Map<Key, VersionedValue>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
