import { describe, expect, it } from 'vitest';
import { keyspaceId, reopen } from '../../../test/support/begun-store.js';
import { atomic, key, remove, removeRange, set } from '../../../test/support/chain.js';
import { eventually } from '../../../test/support/eventually.js';
import { at, everyKey, FeedBench, nextShown, readUpTo, watched } from '../../../test/support/feed-bench.js';
import { failureOf, valueOf } from '../../../test/support/requests.js';
import { nextTurn } from '../../../test/support/turn.js';
import { failure } from '../../model/errors.js';
import type { Gtid } from '../../model/gtid.js';
import { logPosition } from '../../model/ids.js';
import { limits } from '../../model/limits.js';
import type { ChangeFeed } from '../service.js';

describe('a feed', () => {
  it('gives commits whole and in order, from the one after its position on', async () => {
    const { store, chain, open } = await bench();
    await store.apply([chain.transactions([set('a', '1'), remove('b')], [set('c', '3')]), chain.barrier()]);
    await store.apply([chain.transactions([removeRange('a', 'c')])]);
    expect(await nextShown(open(at(0)))).toEqual(['1: a=1 -b', '2: c=3', '3: -[a,c)']);
    expect(await nextShown(open(at(1)))).toEqual(['2: c=3', '3: -[a,c)']);
    expect(await nextShown(open(at(2)))).toEqual(['3: -[a,c)']);
  });

  it('tells log time and where it stands', async () => {
    const { store, chain, open } = await bench();
    chain.logTimeMs = 77_000;
    await store.apply([chain.transactions([set('a')])]);
    const feed = open(at(0));
    expect(feed.position).toBe(at(0));
    const { commits, position } = valueOf(await feed.next());
    expect(commits).toMatchObject([{ gtid: at(1), timeMs: 77_000 }]);
    expect([position, feed.position]).toEqual([at(1), at(1)]);
  });

  it('without a position begins with what is committed from then on', async () => {
    const { store, chain, feeds } = await bench();
    await store.apply([chain.transactions([set('a')])]);
    const feed = valueOf(feeds.open({ from: undefined, range: everyKey }));
    const next = nextShown(feed);
    await store.apply([chain.transactions([set('b', 'new')])]);
    expect(await next).toEqual(['2: b=new']);
  });

  it('has the counter after each sum, of two commits of one entry and of a restarted store too', async () => {
    const { store, chain, open } = await bench();
    const live = open();
    await store.apply([chain.transactions([atomic('sum', 'n', 5n)], [atomic('sum', 'n', -2n)])]);
    const expected = ['1: n=5', '2: n=3'];
    expect(await nextShown(live)).toEqual(expected);
    live.close();
    expect(await nextShown(open())).toEqual(expected);
  });

  it('leaves out commits outside of its range, and tells how far it is all the same', async () => {
    const { store, chain, open, time } = await bench();
    const feed = open(at(0), { start: key('b'), end: key('c') });
    await store.apply([chain.transactions([set('a')], [set('b', 'x'), set('c')], [set('d')])]);
    expect(await nextShown(feed)).toEqual(['2: b=x']);
    expect(feed.position).toBe(at(3));
    await store.apply([chain.transactions([set('a')])]);
    const next = feed.next();
    await eventually(() => feed.position === at(4));
    time.advance(limits.feedHeartbeatMs);
    expect(valueOf(await next)).toEqual({ commits: [], position: at(4) });
  });

  it('that has nothing to give says so after a heartbeat, not before', async () => {
    const { open, time } = await bench();
    const feed = open();
    const next = feed.next();
    const call = watched(next);
    time.advance(limits.feedHeartbeatMs - 1);
    await nextTurn();
    expect(call.ended()).toBe(false);
    await eventually(() => time.waiting > 0);
    time.advance(1);
    expect(valueOf(await next)).toEqual({ commits: [], position: at(0) });
  });

  it('ahead of the node waits, and goes on after its position', async () => {
    const { store, chain, open } = await bench();
    const feed = open(at(3));
    const next = nextShown(feed);
    await store.apply([chain.transactions([set('a')], [set('b')])]);
    await store.apply([chain.transactions([set('c')], [set('d', 'x')])]);
    expect(await next).toEqual(['4: d=x']);
  });

  it('that is closed gives no more, and a call that waits ends', async () => {
    const { store, chain, open, feeds } = await bench();
    const feed = open();
    const next = feed.next();
    feed.close();
    expect(valueOf(await next).commits).toEqual([]);
    expect(feeds.size).toBe(0);
    await store.apply([chain.transactions([set('a')])]);
    expect(valueOf(await feed.next()).commits).toEqual([]);
  });

  it('gives at most a batch of entries at a time, one entry at least', async () => {
    const { store, chain, open } = await bench();
    const third = 'v'.repeat(limits.feedBatchBytesMax / 3);
    const live = open();
    for (let i = 0; i < 4; i++) await store.apply([chain.transactions([set('a', third)])]);
    const whole = 'v'.repeat(limits.feedBatchBytesMax * 2);
    await store.apply([chain.transactions([set('a', whole)])]);
    const sizes = async (feed: ChangeFeed): Promise<number[]> => {
      const found = [];
      while (feed.position !== at(5)) found.push((await nextShown(feed)).length);
      return found;
    };
    expect(await sizes(live)).toEqual([2, 2, 1]);
    live.close();
    expect(await sizes(open())).toEqual([2, 2, 1]);
  });
});

describe('what feeds share', () => {
  it('is decoded once and read from no store while they keep up', async () => {
    const made = await bench();
    const { store, chain, open } = made;
    const feeds = [open(), open(at(0), { start: key('a'), end: key('b') })];
    await store.apply([chain.transactions([set('a', 'x')])]);
    const values = [];
    for (const feed of feeds) {
      const [change] = valueOf(await feed.next()).commits[0]!.changes;
      values.push(change?.kind === 'set' && change.value.value.kind === 'bytes' && change.value.value.bytes);
    }
    expect(values[0]).toBe(values[1]);
    expect(made.pagesRead).toBe(0);
  });

  it('lets each go at its own pace, and who lags beyond it reads the store', async () => {
    const made = await bench(50_000);
    const { store, chain, open } = made;
    const [quick, slow] = [open(), open()];
    const seen = [];
    for (let i = 1; i <= 20; i++) {
      await store.apply([chain.transactions([set('a', `${'v'.repeat(9_000)}${i}`)], [remove('b')])]);
      seen.push(...(await nextShown(quick)));
    }
    expect(made.pagesRead).toBe(0);
    expect(seen).toHaveLength(40);
    const late = await readUpTo(slow, at(40));
    expect(made.pagesRead).toBeGreaterThan(0);
    expect(late).toEqual(seen);
    const pages = made.pagesRead;
    await store.apply([chain.transactions([set('c', 'x')])]);
    expect(await nextShown(slow)).toEqual(['41: c=x']);
    expect(made.pagesRead).toBe(pages);
  });

  it('is looked through in turns, so that a feed that finds nothing for itself holds nobody up', async () => {
    const { store, chain, open } = await bench();
    const feed = open(at(0), { start: key('b'), end: key('c') });
    const half = 'v'.repeat(limits.feedBatchBytesMax / 2);
    for (let i = 0; i < 10; i++) await store.apply([chain.transactions([set('a', half)])]);
    await store.apply([chain.transactions([set('b', 'x')])]);
    const next = feed.next();
    const call = watched(next);
    let turns = 0;
    for (; !call.ended(); turns++) await nextTurn();
    expect(turns).toBeGreaterThan(4);
    expect(valueOf(await next).commits).toHaveLength(1);
  });

  it('is not kept while there are none', async () => {
    const made = await bench();
    const { store, chain, open } = made;
    const first = open();
    await store.apply([chain.transactions([set('a', '1')])]);
    first.close();
    await store.apply([chain.transactions([set('b', '2')])]);
    expect(await nextShown(open())).toEqual(['1: a=1', '2: b=2']);
    expect(made.pagesRead).toBe(1);
  });
});

describe('a store that recovers from a failed write', () => {
  it.each(['lost', 'written'] as const)(
    'is followed without gap or repeat (the write was %s)',
    async (fault) => {
      const { store, chain, open, disk, time } = await bench();
      const [live, late] = [open(), open()];
      await store.apply([chain.transactions([set('a', '1')])]);
      expect(await nextShown(live)).toEqual(['1: a=1']);
      const next = nextShown(live);
      disk.faults.push(fault);
      const entry = chain.transactions([set('b', '2')]);
      await expect(store.apply([entry])).rejects.toThrow();
      const recovered = store.recover();
      const reading = readUpTo(late, at(1));
      await recovered;
      if (fault === 'lost') await store.apply([entry]);
      time.advance(500);
      expect(await next).toEqual(['2: b=2']);
      expect([...(await reading), ...(await readUpTo(late, at(2)))]).toEqual(['1: a=1', '2: b=2']);
      const fresh = open();
      await store.apply([chain.transactions([set('c', '3')])]);
      expect(await nextShown(live)).toEqual(['3: c=3']);
      expect(await readUpTo(fresh, at(3))).toEqual(['1: a=1', '2: b=2', '3: c=3']);
    },
  );

  it('is waited for while it cannot be read', async () => {
    const { store, chain, open, feeds, disk, time } = await bench(1);
    const [late, refused] = [open(), open()];
    await store.apply([chain.transactions([set('a', '1')]), chain.transactions([set('b', '2')])]);
    disk.faults.push('lost');
    const entry = chain.transactions([set('c', '3')]);
    await expect(store.apply([entry])).rejects.toThrow();
    disk.openFaults.push(new Error('too many open files'));
    await expect(store.recover()).rejects.toThrow();
    const reading = readUpTo(late, at(3));
    const beats = nextShown(refused);
    for (let waited = 0; waited < limits.feedHeartbeatMs; waited += 500) {
      await eventually(() => time.waiting > 0);
      await nextTurn();
      time.advance(500);
    }
    expect(await beats).toEqual([]);
    expect(failureOf(feeds.open({ from: at(0), range: everyKey })).code).toBe('NODE_NOT_READY');
    await store.recover();
    await store.apply([entry]);
    time.advance(500);
    expect(await reading).toEqual(['1: a=1', '2: b=2', '3: c=3']);
  });
});

describe('a feed from the oldest commit that is kept', () => {
  const fromOldest = ({ feeds }: FeedBench, range = everyKey) =>
    valueOf(feeds.open({ from: 'oldest', range }));

  it('begins with the first where all are, and with the last where no other is', async () => {
    const made = await bench();
    const { store, chain } = made;
    for (let i = 0; i < 3; i++) await store.apply([chain.transactions([set('a', `${i}`)])]);
    expect(fromOldest(made).position).toBe(at(0));
    expect(await nextShown(fromOldest(made))).toEqual(['1: a=0', '2: a=1', '3: a=2']);
    await store.trim(logPosition(100));
    expect(fromOldest(made).position).toBe(at(2));
    expect(await nextShown(fromOldest(made))).toEqual(['3: a=2']);
  });

  it('begins later where what it would have begun with is trimmed meanwhile', async () => {
    const made = await bench(1);
    const { store, chain } = made;
    const feed = fromOldest(made);
    for (let i = 1; i <= 3; i++) await store.apply([chain.transactions([set('a', `${i}`)])]);
    await store.trim(logPosition(3));
    expect(await nextShown(feed)).toEqual(['3: a=3']);
  });

  it('begins behind counters whose outcomes are gone, and has no gap from then on', async () => {
    const made = await bench();
    const { store, chain } = made;
    const writes = [[set('a')], [atomic('sum', 'n', 1n)], [set('b', 'x')], [set('a', 'y')]];
    await store.apply([chain.transactions(...writes)]);
    await store.apply([chain.batch([], 2 ** 40)]);
    await store.trim(logPosition(0));
    expect(await nextShown(fromOldest(made))).toEqual(['3: b=x', '4: a=y']);
    const narrow = fromOldest(made, { start: key('a'), end: key('c') });
    expect(await nextShown(narrow)).toEqual(['1: a=value', '3: b=x', '4: a=y']);
  });

  it('ends rather than leave out what lies behind something that it gave', async () => {
    const made = await bench(1);
    const { store, chain } = made;
    const whole = 'v'.repeat(limits.feedBatchBytesMax);
    await store.apply([chain.transactions([set('a', whole)]), chain.transactions([atomic('sum', 'n', 1n)])]);
    await store.apply([chain.batch([], 2 ** 40)]);
    await store.trim(logPosition(0));
    const feed = fromOldest(made);
    expect(await nextShown(feed)).toHaveLength(1);
    expect(failureOf(await feed.next())).toMatchObject({
      code: 'CHANGES_TOO_OLD',
      details: { oldest: at(2) },
    });
  });
});

describe('a feed is refused', () => {
  it('at once when its position is of another history, or none', async () => {
    const { feeds } = await bench();
    const other = 'ffffffff-2222-4333-8444-555555555555:0' as Gtid;
    const refused = failureOf(feeds.open({ from: other, range: everyKey }));
    expect(refused).toMatchObject({
      code: 'HISTORY_MISMATCH',
      details: { given: other, history: keyspaceId },
    });
    const malformed = failureOf(feeds.open({ from: 'x' as Gtid, range: everyKey }));
    expect(malformed.code).toBe('INVALID_ARGUMENT');
    const empty = { start: key('b'), end: key('a') };
    expect(failureOf(feeds.open({ from: undefined, range: empty })).code).toBe('INVALID_ARGUMENT');
  });

  it('when its position is older than what is kept, and is told the oldest', async () => {
    const { store, chain, feeds, open } = await bench();
    for (let i = 0; i < 3; i++) await store.apply([chain.transactions([set('a')], [set('b', `${i}`)])]);
    await store.trim(logPosition(2));
    const refused = failureOf(feeds.open({ from: at(1), range: everyKey }));
    expect(refused).toMatchObject({ code: 'CHANGES_TOO_OLD', details: { oldest: at(2) } });
    expect((await nextShown(open(at(2))))[0]).toBe('3: a=value');
  });

  it('when too many are open', async () => {
    const { feeds, open } = await bench();
    for (let i = 0; i < limits.feedsMax; i++) open();
    expect(failureOf(feeds.open({ from: undefined, range: everyKey })).code).toBe('OVERLOADED');
  });

  it('when the node does not serve', async () => {
    const made = await bench();
    made.refusal = failure('NODE_INCONSISTENT', 'why');
    const refused = failureOf(made.feeds.open({ from: undefined, range: everyKey }));
    expect(refused.code).toBe('NODE_INCONSISTENT');
  });
});

describe('a feed ends', () => {
  it('when what it has not read yet is trimmed', async () => {
    const { store, chain, open, feeds } = await bench(1);
    const feed = open();
    for (let i = 0; i < 3; i++) await store.apply([chain.transactions([set('a')])]);
    await store.trim(logPosition(3));
    const ended = failureOf(await feed.next());
    expect(ended).toMatchObject({ code: 'CHANGES_TOO_OLD', details: { oldest: at(2) } });
    expect(feeds.size).toBe(0);
    expect(failureOf(await feed.next())).toEqual(ended);
  });

  it('when an outcome that it needs is gone, rather than guess', async () => {
    const { store, chain, open } = await bench();
    const writes = [[atomic('sum', 'n', 1n)], [set('a')], [atomic('sum', 'n', 1n)], [set('b', 'x')]];
    await store.apply([chain.transactions(...writes)]);
    await store.apply([chain.batch([], 2 ** 40)]);
    await store.trim(logPosition(0));
    const ended = failureOf(await open().next());
    expect(ended).toMatchObject({ code: 'CHANGES_TOO_OLD', details: { oldest: at(3) } });
    expect(await nextShown(open(at(3)))).toEqual(['4: b=x']);
    const narrow = open(at(0), { start: key('a'), end: key('c') });
    expect(await nextShown(narrow)).toEqual(['2: a=value', '4: b=x']);
  });

  it('soon after the node stops serving, and at once when it is told', async () => {
    const made = await bench();
    const { open, feeds, time } = made;
    const [checked, told] = [open(), open()];
    const first = checked.next();
    made.refusal = failure('NODE_INCONSISTENT', 'why');
    time.advance(500);
    expect(failureOf(await first).code).toBe('NODE_INCONSISTENT');
    made.refusal = undefined;
    const second = told.next();
    made.refusal = failure('NODE_NOT_READY', 'the node stops');
    feeds.wake();
    expect(failureOf(await second).code).toBe('NODE_NOT_READY');
  });

  it('when the node stops', async () => {
    const { open, feeds } = await bench();
    const next = open().next();
    feeds.stop();
    expect(failureOf(await next)).toMatchObject({ code: 'NODE_NOT_READY', details: { state: 'draining' } });
    expect(failureOf(feeds.open({ from: undefined, range: everyKey })).code).toBe('NODE_NOT_READY');
  });

  it('when a record that it needs is found damaged', async () => {
    const { store, chain, disk } = await bench();
    await store.apply([chain.transactions([atomic('sum', 'n', 1n)])]);
    await store.close();
    const outcome = disk.keys().find((record) => record.toString('latin1').startsWith('o'))!;
    disk.flipBit(outcome, -1);
    const { open } = new FeedBench(disk, await reopen(disk), chain);
    expect(failureOf(await open().next()).code).toBe('NODE_INCONSISTENT');
  });
});

const bench = (recentBytesMax?: number): Promise<FeedBench> => FeedBench.begin(recentBytesMax);
