import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { keyspaceId } from '../../test/support/begun-store.js';
import { set } from '../../test/support/chain.js';
import { eventually } from '../../test/support/eventually.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { tampered, type Tamper } from '../../test/support/tampered-transport.js';
import { fill, TransferWorld } from '../../test/support/transfer-world.js';
import { delay } from '../runtime/runtime.js';
import { logPosition, nodeId, type KeyspaceId } from '../model/ids.js';
import { packRows, hashPacked, unpackRows } from '../storage/packed-rows.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { TransferChunk, TransferFromDonor } from '../transport/messages.js';
import type { Joined, SnapshotJoiner } from './snapshot-joiner.js';

const keys = 1500;
let world: TransferWorld;
beforeEach(() => {
  world = new TransferWorld();
});
afterEach(() => world.stop());

const hashOf = async (store: KeyspaceStore) => {
  const snapshot = store.snapshot();
  try {
    return await snapshot.stateHash();
  } finally {
    snapshot.release();
  }
};

async function expectJoined(joiner: SnapshotJoiner, giver: KeyspaceStore): Promise<Joined> {
  const joined = await joiner.run();
  if (joined === undefined || 'refused' in joined) throw new Error('it did not join');
  const store = await world.joined();
  expect(store.head).toEqual(joined.head);
  expect(store.chainHashAt(store.head.position)).toEqual(giver.chainHashAt(store.head.position));
  if (store.head.position === giver.head.position) expect(await hashOf(store)).toEqual(await hashOf(giver));
  expect(store.kept.outcomes).toBe(giver.kept.outcomes - (giver.head.seqno - store.head.seqno));
  await store.close();
  expect(joiner.progress.phase).toBe('done');
  return joined;
}

/** The joiner's transport with a tamper on it. */
const through = (tamper: Tamper) => ({
  transport: tampered(world.network.transport(nodeId('joiner')), tamper),
});

/** A joiner that is stopped when its stream has broken behind a chunk. */
async function copyUpTo(chunk: number): Promise<void> {
  const cut: Tamper = (message) => (message.type === 'chunk' && message.number === chunk ? 'cut' : message);
  const joiner = world.joiner(through(cut));
  const running = joiner.run();
  await eventually(() => expect(joiner.progress.heldUpBy).toMatch(/connection broke/), { everyMs: 1 });
  await joiner.stop();
  expect(await running).toBeUndefined();
}

/** Counts chunks as they come, and does something at one of them. */
function atChunk(number: number, action: () => void): Tamper {
  return (message) => {
    if (message.type === 'chunk' && message.number === number) action();
    return message;
  };
}

describe('a joiner', () => {
  it('gets data, expiries and outcomes of the donor, in chunks', async () => {
    const { store, donor } = await world.giver('donor');
    await fill(store, keys);
    let chunks = 0;
    const joined = await expectJoined(
      world.joiner(through((message) => (message.type === 'chunk' && chunks++, message))),
      store,
    );
    expect(joined).toMatchObject({ donor: 'donor', ownCopy: 'none', head: { seqno: keys } });
    expect(chunks).toBeGreaterThan(4);
    await eventually(() => expect(donor.pins).toBe(0));
  });

  it('of a keyspace without a single row gets its head', async () => {
    const { store } = await world.giver('donor');
    await fill(store, 0);
    await expectJoined(world.joiner(), store);
  });

  it('gets what the donor applies while it copies, as far as the last chunk', async () => {
    const { store } = await world.giver('donor');
    const chain = await fill(store, keys);
    let joining = true;
    const writing = (async () => {
      for (let n = 0; joining; n++) {
        await store.apply([chain.transactions([set(`late-${n}`)], [set('key-000001', `${n}`)])]);
        await delay(world.runtime.timers, 1);
      }
    })();
    const tamper: Tamper = (message) => (message.type === 'chunk' ? 'cut' : message);
    try {
      const joined = await expectJoined(world.joiner(through(tamper)), store);
      expect(joined.head.seqno).toBeGreaterThan(keys + 100);
    } finally {
      joining = false;
      await writing;
    }
  });

  it('goes on at the next chunk when its stream breaks at every chunk', async () => {
    const { store } = await world.giver('donor');
    await fill(store, keys);
    const numbers: number[] = [];
    let transfers = new Set<string>();
    const tamper: Tamper = (message) => {
      if (message.type === 'welcome')
        transfers = transfers.add(Buffer.from(message.transferId).toString('hex'));
      if (message.type !== 'chunk') return message;
      numbers.push(message.number);
      return 'cut';
    };
    await expectJoined(world.joiner(through(tamper)), store);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    expect(transfers.size).toBe(1);
  });

  it('starts over when the donor has been restarted', async () => {
    const disk = new FaultyDisk();
    const first = await world.giver('donor', disk);
    await fill(first.store, keys);
    let second: Promise<unknown> | undefined;
    const restart = (): void => {
      second ??= first.stop().then(() => world.giver('donor', disk));
    };
    const joiner = world.joiner(through(atChunk(3, restart)));
    const joined = await joiner.run();
    await second;
    expect(joined).toMatchObject({ donor: 'donor', head: { seqno: keys } });
    await eventually(() => expect(world.givers.at(-1)!.donor.pins).toBe(0));
  });

  it('starts over with another donor when the first is gone for good', async () => {
    const first = await world.giver('first');
    const second = await world.giver('second');
    await fill(first.store, keys);
    await fill(second.store, keys);
    const tamper: Tamper = (message, donor) => {
      if (donor === 'first' && message.type === 'chunk' && message.number === 2) void first.stop();
      return message;
    };
    const joined = await expectJoined(world.joiner(through(tamper)), second.store);
    expect(joined.donor).toBe('second');
  });

  it('starts over when the entries after the snapshot are trimmed before it has them', async () => {
    const { store, node } = await world.giver('donor');
    const chain = await fill(store, keys);
    const ids = new Set<string>();
    world.network.hold('joiner', node, 'entries');
    const trim = async (): Promise<void> => {
      await store.apply([chain.transactions([set('late')])]);
      await store.apply([chain.transactions([set('later')])]);
      await store.trim(logPosition(store.head.position));
      world.network.release('joiner', node, 'entries');
    };
    const tamper: Tamper = (message) => {
      if (message.type === 'welcome') ids.add(Buffer.from(message.transferId).toString('hex'));
      if (message.type === 'chunk' && message.number === 2 && ids.size === 1) void trim();
      return message.type === 'end' && ids.size === 1 ? 'lost' : message;
    };
    const joiner = world.joiner(through(tamper));
    const joined = await joiner.run();
    expect(joined).toMatchObject({ head: { seqno: keys + 2 } });
    expect(ids.size).toBe(2);
  });

  it('that is stopped goes on where it was when it starts again', async () => {
    const { store } = await world.giver('donor');
    await fill(store, keys);
    await copyUpTo(3);
    const numbers: number[] = [];
    const second = world.joiner(
      through((message) => {
        if (message.type === 'chunk') numbers.push(message.number);
        return message;
      }),
    );
    await expectJoined(second, store);
    expect(numbers[0]).toBe(4);
  });

  it('that loses power goes on with what its disk kept', async () => {
    const { store } = await world.giver('donor');
    await fill(store, keys);
    await copyUpTo(4);
    let batches = 0;
    world.place.crash((batch) => (batches++ < 2 ? batch : []));
    await expectJoined(world.joiner(), store);
  });

  it('whose copy is whole when it starts again needs no donor', async () => {
    const giver = await world.giver('donor');
    await fill(giver.store, keys);
    const first = world.joiner();
    const open = world.place.openIncoming.bind(world.place);
    world.place.openIncoming = async () => {
      const database = await open();
      const begin = database.batch.bind(database);
      const batch = (): ReturnType<typeof begin> => {
        if (first.progress.phase === 'replaying') throw new Error('the disk is gone');
        return begin();
      };
      return Object.assign(database, { batch });
    };
    const running = first.run();
    await eventually(() => expect(first.progress.heldUpBy).toMatch(/the disk is gone/));
    await first.stop();
    expect(await running).toBeUndefined();
    world.place.openIncoming = open;
    world.candidates = [];
    const own = { keyspaceId, position: 1, hash: Buffer.alloc(32) };
    const second = world.joiner({ own });
    expect(await expectJoined(second, giver.store)).toMatchObject({ donor: undefined, ownCopy: 'unknown' });
  });

  it.each(['lost', 'poisoned'] as const)(
    'whose disk fails (%s) says so, waits, and goes on when it can write again',
    async (fault) => {
      const { store } = await world.giver('donor');
      await fill(store, keys);
      let isFull = false;
      const tamper: Tamper = (message) => {
        if (message.type === 'chunk') return message.number === 3 ? 'cut' : message;
        if (message.type !== 'welcome' || !message.resumed || isFull) return message;
        isFull = true;
        world.place.incoming!.faults.push(fault);
        world.place.incoming!.openFaults.push(new Error('no space left on device'));
        return message;
      };
      const joiner = world.joiner(through(tamper));
      const running = expectJoined(joiner, store);
      await eventually(() => expect(joiner.progress.heldUpBy).toMatch(/no space left on device/), {
        everyMs: 1,
      });
      await running;
      expect(joiner.progress.heldUpBy).toBeUndefined();
    },
  );

  it('whose disk fails when the entries alone are waited for says so, and leaves no rejection to nobody', async () => {
    const { store } = await world.giver('donor');
    const chain = await fill(store, keys);
    world.network.hold('donor', 'joiner', 'entries');
    let isWhole = false;
    const failWhenWhole: Tamper = (message) => {
      if (message.type !== 'end' || isWhole) return message;
      isWhole = true;
      void delay(world.runtime.timers, 20).then(async () => {
        await store.apply([chain.transactions([set('late')])]);
        world.place.incoming!.faults.push('lost');
        world.place.incoming!.openFaults.push(new Error('no space left on device'));
        world.network.release('donor', 'joiner', 'entries');
      });
      return message;
    };
    const uncaught: unknown[] = [];
    const note = (error: unknown): unknown => uncaught.push(error);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const joiner = world.joiner(through(failWhenWhole));
    const running = expectJoined(joiner, store);
    await eventually(() => expect(joiner.progress.heldUpBy).toMatch(/no space left/), { everyMs: 1 });
    await running;
    expect(uncaught).toEqual([]);
  });

  it('waits while no donor is there', async () => {
    const joiner = world.joiner();
    const running = joiner.run();
    await eventually(() => expect(joiner.progress.heldUpBy).toMatch(/no node that could give a copy/));
    const { store } = await world.giver('donor');
    await fill(store, 10);
    expect(await running).toMatchObject({ donor: 'donor' });
  });
});

describe('a donor that lies is left for another', () => {
  const chunkOf = (rows: TransferChunk['rows'], { number }: TransferChunk): TransferChunk => ({
    type: 'chunk',
    number,
    rows,
    hash: hashPacked(rows),
  });
  const rowsChanged =
    (change: (rows: ReturnType<typeof unpackRows>) => ReturnType<typeof unpackRows>) =>
    (message: TransferFromDonor): TransferFromDonor =>
      message.type === 'chunk' && message.number === 2
        ? chunkOf(packRows(change(unpackRows(message.rows))), message)
        : message;
  const inChunk =
    (change: (chunk: TransferChunk) => TransferFromDonor | 'lost') => (message: TransferFromDonor) =>
      message.type === 'chunk' && message.number === 2 ? change(message) : message;
  const inWelcome = (fields: object) => (message: TransferFromDonor) =>
    message.type === 'welcome' ? { ...message, ...fields } : message;
  const inEnd =
    (fields: (end: { chunks: number; rows: number; bytes: number }) => object) =>
    (message: TransferFromDonor) => (message.type === 'end' ? { ...message, ...fields(message) } : message);
  let last: TransferFromDonor | undefined;

  const lies: readonly (readonly [string, (message: TransferFromDonor) => TransferFromDonor | 'lost'])[] = [
    ['another number of a chunk', inChunk((chunk) => ({ ...chunk, number: 3 }))],
    ['a chunk twice', inChunk((chunk) => ({ ...chunk, number: 1 }))],
    ['no chunk in the middle', inChunk(() => 'lost')],
    ['another hash', inChunk((chunk) => ({ ...chunk, hash: Buffer.alloc(32, 1) }))],
    ['a hash of another length', inChunk((chunk) => ({ ...chunk, hash: Buffer.alloc(1) }))],
    ['a flipped bit', inChunk((chunk) => ({ ...chunk, rows: Buffer.from(chunk.rows).fill(7, 99, 100) }))],
    ['rows cut short', inChunk((chunk) => chunkOf(Buffer.from(chunk.rows.subarray(0, 50)), chunk))],
    ['no rows', inChunk((chunk) => chunkOf(packRows([]), chunk))],
    ['rows in another order', rowsChanged((rows) => rows.toReversed())],
    ['a row twice', rowsChanged((rows) => [rows[0]!, ...rows])],
    ['keys below those before', rowsChanged((rows) => [{ ...rows[0]!, key: Buffer.from('da') }, ...rows])],
    [
      'a head record',
      rowsChanged((rows) => [...rows, { key: Buffer.from('mhead'), value: Buffer.alloc(9) }]),
    ],
    ['an entry', rowsChanged((rows) => [...rows, { key: Buffer.from('e12345678'), value: Buffer.alloc(9) }])],
    [
      'an unknown prefix',
      rowsChanged((rows) => [...rows, { key: Buffer.from('zz'), value: Buffer.alloc(9) }]),
    ],
    ['another history', inWelcome({ keyspaceId: Buffer.alloc(16, 9) })],
    ['no transfer id', inWelcome({ transferId: Buffer.alloc(0) })],
    ['a short chain hash', inWelcome({ hash: Buffer.alloc(3) })],
    ['another chain hash', inWelcome({ hash: Buffer.alloc(32, 3) })],
    ['a position ahead of its log', inWelcome({ position: 1_000_000 })],
    ['a short nonce', inWelcome({ nonce: Buffer.alloc(3) })],
    ['that it resumes what was not begun', inWelcome({ resumed: true })],
    ['a copy that the joiner has not', inWelcome({ ownCopy: 'prefix' })],
    ['an end too early', inChunk(() => ({ type: 'end', chunks: 2, rows: 1, bytes: 1 }))],
    ['a chunk more than came', inEnd(({ chunks }) => ({ chunks: chunks + 1 }))],
    ['a chunk less than came', inEnd(({ chunks }) => ({ chunks: chunks - 1 }))],
    ['other rows at the end', inEnd(({ rows }) => ({ rows: rows - 1 }))],
    ['other bytes at the end', inEnd(({ bytes }) => ({ bytes: bytes - 1 }))],
    [
      'all but the last chunk',
      (message) => {
        const previous = last;
        last = message;
        if (message.type === 'chunk') return previous?.type === 'chunk' ? previous : 'lost';
        return message;
      },
    ],
  ];

  it.each(lies)('%s', async (_, lie) => {
    last = undefined;
    const liar = await world.giver('liar');
    const honest = await world.giver('honest');
    await fill(liar.store, keys);
    const chain = await fill(honest.store, keys);
    // Entries of its own that tell another chain hash.
    await liar.store.apply([chain.transactions([set('more')])]);
    const tamper: Tamper = (message, donor) => (donor === 'liar' ? lie(message) : message);
    const joined = await expectJoined(world.joiner(through(tamper)), honest.store);
    expect(joined.donor).toBe('honest');
  });
});

describe("the joiner's own copy", () => {
  const other = '99999999-2222-4333-8444-555555555555' as KeyspaceId;
  const own = (store: KeyspaceStore, position: number, change: object = {}) => ({
    own: { keyspaceId, position, hash: store.chainHashAt(position) ?? Buffer.alloc(32), ...change },
  });

  it('that the history of the donor goes through is a prefix', async () => {
    const { store } = await world.giver('donor');
    await fill(store, 300);
    expect(await expectJoined(world.joiner(own(store, 2)), store)).toMatchObject({ ownCopy: 'prefix' });
  });

  it('ahead of the donor is unknown', async () => {
    const { store } = await world.giver('donor');
    await fill(store, 300);
    const givenUp = world.joiner({ ...own(store, 9), mayReplaceDifferent: true });
    expect(await expectJoined(givenUp, store)).toMatchObject({ ownCopy: 'unknown' });
  });

  it.each([
    ['of another history', { keyspaceId: other }],
    ['with another entry at its place', { hash: Buffer.alloc(32, 1) }],
  ])('%s is refused before anything is copied, unless it may be replaced', async (_, change) => {
    const { store, donor } = await world.giver('donor');
    await fill(store, 300);
    const joiner = world.joiner(own(store, 2, change));
    expect(await joiner.run()).toEqual({ refused: 'different', donor: 'donor' });
    expect(world.place.incoming?.keys() ?? []).toEqual([]);
    await eventually(() => expect(donor.pins).toBe(0));
    const insisting = world.joiner({ ...own(store, 2, change), mayReplaceDifferent: true });
    expect(await expectJoined(insisting, store)).toMatchObject({ ownCopy: 'different' });
  });
});
