import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { nodeId } from '../model/ids.js';
import { silentLogger } from '../runtime/runtime.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { createGrpcPeerTransport, type GrpcPeerTransport } from './grpc/grpc-peer-transport.js';
import { decodeGossipMessage } from './messages.js';
import type { PeerStream } from './peer-transport.js';
import type { StreamLimits } from './send-queue.js';

const runtime = createSystemRuntime(silentLogger);
const east = nodeId('east');
const west = nodeId('west');
const mib = 1024 * 1024;
const limits: StreamLimits = { messageBytesMax: 4 * mib, highWaterBytes: mib, queueBytesMax: 16 * mib };

const running: GrpcPeerTransport[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((transport) => transport.stop()));
});

interface Ends {
  readonly opened: PeerStream;
  readonly accepted: PeerStream;
}

async function acceptor(accepted: PeerStream[]): Promise<GrpcPeerTransport> {
  const addresses = new Map([
    [east, '127.0.0.1:0'],
    [west, '127.0.0.1:0'],
  ]);
  const transport = createGrpcPeerTransport({
    cluster: 'test',
    self: west,
    addresses,
    listen: '127.0.0.1:0',
    runtime,
    limits,
  });
  running.push(transport);
  transport.accept('certify', (stream) => accepted.push(stream));
  await transport.start();
  return transport;
}

async function overGrpc(): Promise<Ends> {
  const accepted: PeerStream[] = [];
  const server = await acceptor(accepted);
  const client = createGrpcPeerTransport({
    cluster: 'test',
    self: east,
    addresses: new Map([[west, `127.0.0.1:${server.port}`]]),
    listen: '127.0.0.1:0',
    runtime,
    limits,
  });
  running.push(client);
  const opened = client.open(west, 'certify');
  await eventually(() => accepted.length === 1);
  return { opened, accepted: accepted[0]! };
}

async function toSelf(): Promise<Ends> {
  const accepted: PeerStream[] = [];
  const transport = await acceptor(accepted);
  const opened = transport.open(west, 'certify');
  await eventually(() => accepted.length === 1);
  return { opened, accepted: accepted[0]! };
}

/** Each case runs in both directions: bulk and closes may come from either side. */
const kinds = [
  { name: 'over gRPC, opener to acceptor', pair: overGrpc, reversed: false },
  { name: 'over gRPC, acceptor to opener', pair: overGrpc, reversed: true },
  { name: 'to itself, opener to acceptor', pair: toSelf, reversed: false },
  { name: 'to itself, acceptor to opener', pair: toSelf, reversed: true },
];

/** A message of `length` bytes that begins with its number. */
function numbered(number: number, length = 4): Uint8Array {
  const message = Buffer.alloc(length, number % 251);
  message.writeUInt32BE(number, 0);
  return message;
}

const numberOf = (message: Uint8Array): number => Buffer.from(message).readUInt32BE(0);

/** The messages' numbers and the close reasons of a stream, as they come. */
function listen(stream: PeerStream): { numbers: number[]; lengths: number[]; closes: string[] } {
  const seen = { numbers: [] as number[], lengths: [] as number[], closes: [] as string[] };
  stream.onMessage((message) => {
    seen.numbers.push(numberOf(message));
    seen.lengths.push(message.length);
  });
  stream.onClose((reason) => seen.closes.push(reason));
  return seen;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe.each(kinds)('a stream $name', ({ pair, reversed }) => {
  async function ends(): Promise<{ sender: PeerStream; receiver: PeerStream }> {
    const { opened, accepted } = await pair();
    return reversed ? { sender: accepted, receiver: opened } : { sender: opened, receiver: accepted };
  }

  test('delivers messages whole and in order', async () => {
    const { sender, receiver } = await ends();
    const seen = listen(receiver);
    for (const number of upTo(500)) sender.send(numbered(number, 4 + (number % 50)));
    await eventually(() => seen.numbers.length === 500);
    expect(seen.numbers).toEqual(upTo(500));
    expect(seen.lengths).toEqual(upTo(500).map((number) => 4 + (number % 50)));
  });

  test('carries messages both ways at once', async () => {
    const { sender, receiver } = await ends();
    const there = listen(receiver);
    const back = listen(sender);
    for (const number of upTo(50)) {
      sender.send(numbered(number));
      receiver.send(numbered(number));
    }
    await eventually(() => there.numbers.length === 50 && back.numbers.length === 50);
    expect(there.numbers).toEqual(back.numbers);
  });

  test('carries a message of 2 MiB unchanged', async () => {
    const { sender, receiver } = await ends();
    const received: Uint8Array[] = [];
    receiver.onMessage((message) => received.push(message));
    const sent = numbered(7, 2 * mib);
    sender.send(sent);
    await eventually(() => received.length === 1);
    expect(Buffer.compare(received[0]!, sent)).toBe(0);
  });

  test('carries an empty message', async () => {
    const { sender, receiver } = await ends();
    const lengths: number[] = [];
    receiver.onMessage((message) => lengths.push(message.length));
    sender.send(new Uint8Array(0));
    await eventually(() => lengths.length === 1);
    expect(lengths).toEqual([0]);
  });

  test('keeps messages until a listener is set', async () => {
    const { sender, receiver } = await ends();
    const back = listen(sender);
    for (const number of upTo(20)) sender.send(numbered(number));
    receiver.send(numbered(1));
    await eventually(() => back.numbers.length === 1);
    const seen = listen(receiver);
    await eventually(() => seen.numbers.length === 20);
    expect(seen.numbers).toEqual(upTo(20));
  });

  test('holds messages back while paused, and the sender then meets its mark', async () => {
    const { sender, receiver } = await ends();
    const seen = listen(receiver);
    receiver.pause();
    let sent = 0;
    await eventually(() => {
      sent += 1;
      return sender.send(numbered(sent - 1, mib / 4)) ? false : sender.send(numbered(sent++, 4)) === false;
    });
    expect(seen.numbers).toEqual([]);
    let drained = false;
    void sender.drained().then(() => (drained = true));
    await new Promise<void>((resolve) => runtime.timers.soon(resolve));
    expect(drained).toBe(false);
    receiver.resume();
    await eventually(() => seen.numbers.length === sent);
    await eventually(() => drained);
    expect(seen.numbers).toEqual(upTo(sent));
    expect(sender.send(numbered(sent))).toBe(true);
  });

  test('closes itself when its sender ignores the mark beyond the bound', async () => {
    const { sender, receiver } = await ends();
    receiver.onMessage(() => {});
    receiver.pause();
    const closes: string[] = [];
    sender.onClose((reason) => closes.push(reason));
    for (const number of upTo(100)) sender.send(numbered(number, mib));
    await eventually(() => closes.length === 1);
    expect(closes[0]).toMatch(/waiting to be sent/);
    expect(sender.send(numbered(1))).toBe(false);
    await sender.drained();
  });

  test('closes itself instead of sending a message that is too long', async () => {
    const { sender } = await ends();
    const seen = listen(sender);
    expect(sender.send(numbered(1, limits.messageBytesMax + 1))).toBe(false);
    await eventually(() => seen.closes.length === 1);
    expect(seen.closes[0]).toMatch(/longer than/);
  });

  test('delivers what was sent before a close, then closes the other side, once', async () => {
    const { sender, receiver } = await ends();
    const here = listen(sender);
    const there = listen(receiver);
    for (const number of upTo(30)) sender.send(numbered(number, 1000));
    sender.close('enough');
    sender.close('again');
    expect(sender.send(numbered(99))).toBe(false);
    await eventually(() => there.closes.length === 1 && here.closes.length === 1);
    expect(there.numbers).toEqual(upTo(30));
    expect(here.closes).toEqual(['enough']);
    receiver.close('late');
    await sender.drained();
    expect(there.closes).toHaveLength(1);
  });

  test('delivers nothing any more to the side that has closed', async () => {
    const { sender, receiver } = await ends();
    const seen = listen(receiver);
    receiver.close('no more');
    sender.send(numbered(1));
    const closes: string[] = [];
    sender.onClose((reason) => closes.push(reason));
    await eventually(() => closes.length === 1 && seen.closes.length === 1);
    expect(seen.numbers).toEqual([]);
  });

  test('tells the close to a listener that is set later, never from inside of the call', async () => {
    const { sender } = await ends();
    sender.close('early');
    const closes: string[] = [];
    sender.onClose((reason) => closes.push(reason));
    expect(closes).toEqual([]);
    await eventually(() => closes.length === 1);
    expect(closes).toEqual(['early']);
  });

  test('closes when its listener finds that bytes are no message', async () => {
    const { sender, receiver } = await ends();
    receiver.onMessage((message) => void decodeGossipMessage(message));
    const reasons: string[] = [];
    receiver.onClose((reason) => reasons.push(reason));
    const there = listen(sender);
    sender.send(Uint8Array.of(0xff, 0xff));
    await eventually(() => reasons.length === 1 && there.closes.length === 1);
    expect(reasons[0]).toMatch(/malformed GossipMessage/);
  });

  test('releases those who wait for the mark when the other side closes', async () => {
    const { sender, receiver } = await ends();
    receiver.onMessage(() => {});
    receiver.pause();
    const seen = listen(sender);
    await eventually(() => !sender.send(numbered(1, mib / 4)));
    const drained = sender.drained();
    receiver.close('gone');
    await drained;
    await eventually(() => expect(seen.closes).toHaveLength(1));
  });
});

describe.each(kinds.filter(({ reversed }) => reversed))('an acceptor $name', ({ pair }) => {
  test('tells the opener why it closes', async () => {
    const { opened, accepted } = await pair();
    const seen = listen(opened);
    accepted.close('history “differs” at 7%');
    await eventually(() => seen.closes.length === 1);
    expect(seen.closes[0]).toContain('history “differs” at 7%');
  });
});
