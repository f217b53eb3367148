import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { set, type Chain } from '../../test/support/chain.js';
import { eventually } from '../../test/support/eventually.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { ManualTime } from '../../test/support/manual-time.js';
import { fill } from '../../test/support/transfer-world.js';
import { keyspaceName } from '../model/ids.js';
import type { Key } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { silentLogger, type Runtime } from '../runtime/runtime.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { openKeyspaceStore } from '../storage/keyspace-store.js';
import { StoreClosed, type KeyspaceStore } from '../storage/store.js';
import {
  decodeTransferFromDonor,
  encodeTransferFromJoiner,
  type TransferFromDonor,
  type TransferHello,
  type TransferWelcome,
} from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { createLoopbackPair } from '../transport/loopback.js';
import { SnapshotDonor } from './snapshot-donor.js';
import { SnapshotPins } from './snapshot-pins.js';

const keyspace = keyspaceName('default');
const keys = 2000;
const system = createSystemRuntime(silentLogger);

let disk: FaultyDisk;
let store: KeyspaceStore;
let chain: Chain;
let time: ManualTime;
let donor: SnapshotDonor;
const streams: PeerStream[] = [];

beforeEach(async () => {
  disk = new FaultyDisk();
  store = await openKeyspaceStore(disk.open, silentLogger);
  chain = await fill(store, keys);
  time = new ManualTime();
  // The donor's time is the test's; its streams run in real time.
  const runtime: Runtime = { ...system, clock: time.clock, timers: time.timers };
  donor = new SnapshotDonor({ keyspace, store, runtime });
});
afterEach(async () => {
  donor.stop();
  for (const stream of streams.splice(0)) stream.close('enough');
  await store.close();
});

/** A joiner played by the test: what it was sent, and how its stream ended. */
class Played {
  readonly messages: TransferFromDonor[] = [];
  closed: string | undefined;

  constructor(readonly stream: PeerStream) {
    streams.push(stream);
    stream.onMessage((bytes) => void this.messages.push(decodeTransferFromDonor(bytes)));
    stream.onClose((reason) => (this.closed = reason));
  }

  get welcome(): TransferWelcome | undefined {
    return this.messages.find((message) => message.type === 'welcome');
  }

  get numbers(): number[] {
    return this.messages.flatMap((message) => (message.type === 'chunk' ? [message.number] : []));
  }

  get hasAll(): boolean {
    return this.messages.at(-1)?.type === 'end';
  }

  taken(chunks: number, done = false): void {
    this.stream.send(encodeTransferFromJoiner({ type: 'taken', chunks, done }));
  }
}

function join(node: string, change: Partial<TransferHello> = {}): Played {
  const [opened, accepted] = createLoopbackPair(system.timers);
  const own = { keyspaceId: Buffer.alloc(0), position: 0, hash: Buffer.alloc(0) };
  const begun = { transferId: Buffer.alloc(0), chunks: 0, lastKey: Buffer.alloc(0) };
  const played = new Played(opened);
  donor.serve(accepted, { type: 'hello', keyspace, node, ...own, ...begun, ...change });
  return played;
}

async function welcomed(node: string, change: Partial<TransferHello> = {}): Promise<Played> {
  const played = join(node, change);
  await eventually(() => expect(played.welcome ?? played.closed).toBeDefined());
  return played;
}

describe('a donor', () => {
  it('sends chunks numbered from 1, then says how many', async () => {
    const joiner = join('a');
    await eventually(() => joiner.hasAll);
    expect(joiner.numbers).toEqual(joiner.numbers.map((_, i) => i + 1));
    expect(joiner.messages.at(-1)).toMatchObject({ chunks: joiner.numbers.length });
    expect(joiner.welcome).toMatchObject({ position: store.head.position, resumed: false, refused: '' });
  });

  it('keeps its snapshot until the joiner needs it no more, also when all chunks are taken', async () => {
    const joiner = join('a');
    await eventually(() => joiner.hasAll);
    joiner.taken(joiner.numbers.length);
    joiner.taken(0, true);
    expect(donor.pins).toBe(1);
    await eventually(() => donor.pins === 0);
    await eventually(() => expect(joiner.closed).toMatch(/needs it no more/));
  });

  it('goes on behind the last key that the joiner holds, from the same state', async () => {
    const first = join('a');
    await eventually(() => first.hasAll);
    await store.apply([chain.transactions([set('more')])]);
    const { transferId } = first.welcome!;
    const lastKey = Buffer.from('dkey-001000');
    const again = join('a', { transferId, chunks: 7, lastKey });
    await eventually(() => again.hasAll);
    expect(again.welcome).toMatchObject({ resumed: true, position: first.welcome!.position });
    expect(again.numbers[0]).toBe(8);
    await eventually(() => expect(first.closed).toMatch(/another stream/));
    expect(donor.pins).toBe(1);
  });

  it('sends no more than its bound ahead of what is stored', async () => {
    const large = 'x'.repeat(300_000);
    for (let n = 0; n < limits.transferAheadChunksMax + 20; n++)
      await store.apply([chain.transactions([set(`large-${n}`, large)])]);
    const joiner = join('a');
    await eventually(() => joiner.numbers.length >= limits.transferAheadChunksMax);
    await store.apply([chain.transactions([set('later')])]);
    expect(joiner.numbers.length).toBe(limits.transferAheadChunksMax);
    joiner.taken(10);
    await eventually(() => joiner.numbers.length === limits.transferAheadChunksMax + 10);
  });

  it('closes the stream of a joiner that says it has stored what was not sent', async () => {
    const joiner = await welcomed('a');
    joiner.taken(1_000_000);
    await eventually(() => expect(joiner.closed).toMatch(/not in its place/));
  });
});

describe('a pinned snapshot', () => {
  it('is one of a bounded number: who comes too many is refused', async () => {
    for (let n = 0; n < limits.transferPinsMax; n++) await welcomed(`joiner-${n}`);
    const refused = await welcomed('one-more');
    expect(refused.welcome?.refused).toBe('OVERLOADED');
    expect(donor.pins).toBe(limits.transferPinsMax);
  });

  it('gives way to a new one of the same joiner', async () => {
    const first = await welcomed('a');
    await welcomed('a');
    expect(donor.pins).toBe(1);
    await eventually(() => expect(first.closed).toMatch(/begins anew/));
    const late = await welcomed('a', { transferId: first.welcome!.transferId });
    expect(late.welcome?.refused).toBe('TRANSFER_GONE');
  });

  it('is released when its joiner takes nothing for too long', async () => {
    const joiner = await welcomed('a');
    time.advance(limits.transferIdleMsMax);
    expect(donor.pins).toBe(1);
    time.advance(2000);
    expect(donor.pins).toBe(0);
    await eventually(() => expect(joiner.closed).toMatch(/took nothing/));
    const late = await welcomed('a', { transferId: joiner.welcome!.transferId });
    expect(late.welcome?.refused).toBe('TRANSFER_GONE');
  });

  it('is released after its time in all, however much its joiner takes', () => {
    const pins = new SnapshotPins({ ...system, clock: time.clock, timers: time.timers });
    const pin = pins.add('a', store.snapshot(), []);
    const stepMs = limits.transferIdleMsMax / 2;
    for (let ms = 0; ms < limits.transferMsMax - stepMs; ms += stepMs) {
      time.advance(stepMs);
      pins.touch(pin);
    }
    expect(pins.count).toBe(1);
    time.advance(stepMs + 2000);
    expect(pins.count).toBe(0);
    expect(() => pin.snapshot.get('key' as Key)).toThrow(StoreClosed);
  });

  it("is not given to another node's joiner", async () => {
    const { transferId } = (await welcomed('a')).welcome!;
    expect((await welcomed('b', { transferId })).welcome?.refused).toBe('TRANSFER_GONE');
  });

  it('is gone when the store recovers from a failed write', async () => {
    const { transferId } = (await welcomed('a')).welcome!;
    disk.faults.push('lost');
    await expect(store.apply([chain.transactions([set('more')])])).rejects.toThrow();
    expect((await welcomed('b')).welcome?.refused).toBe('NODE_NOT_READY');
    await store.recover();
    const again = join('a', { transferId });
    await eventually(() => expect(again.closed).toMatch(/cannot be read any more/));
    expect(donor.pins).toBe(0);
  });

  it('goes with the donor', async () => {
    const joiner = await welcomed('a');
    donor.stop();
    expect(donor.pins).toBe(0);
    await eventually(() => expect(joiner.closed).toMatch(/the node stops/));
    expect((await welcomed('a')).welcome?.refused).toBe('NODE_NOT_READY');
  });
});

it('a donor without a history refuses', async () => {
  const empty = await openKeyspaceStore(new FaultyDisk().open, silentLogger);
  donor = new SnapshotDonor({ keyspace, store: empty, runtime: system });
  expect((await welcomed('a')).welcome?.refused).toBe('NODE_NOT_READY');
  await empty.close();
});
