import fc from 'fast-check';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { ManualTime } from '../../test/support/manual-time.js';
import { openWanProxy, type WanProxy } from './wan-proxy.js';

const oneWayMs = 40;
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server, and a proxy before it that moves with a manual time. */
async function far(bufferBytesMax?: number) {
  const accepted: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {});
    accepted.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    accepted.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const time = new ManualTime();
  const proxy = await open(port, time, bufferBytesMax);
  return { time, proxy, accepted, server };
}

async function open(port: number, time: ManualTime, bufferBytesMax?: number): Promise<WanProxy> {
  const proxy = await openWanProxy({
    target: { host: '127.0.0.1', port },
    oneWayMs,
    clock: time.clock,
    timers: time.timers,
    ...(bufferBytesMax === undefined ? {} : { bufferBytesMax }),
  });
  closing.push(() => proxy.close());
  return proxy;
}

async function dial(proxy: WanProxy, time: ManualTime): Promise<Socket> {
  const socket = connect({ ...proxy.address, allowHalfOpen: true });
  socket.on('error', () => {});
  closing.push(async () => socket.destroy());
  await eventually(() => time.waiting > 0);
  return socket;
}

/** Dialled, with the handshake's round trip over. */
async function established() {
  const link = await far();
  const near = await dial(link.proxy, link.time);
  link.time.advance(oneWayMs);
  await eventually(() => link.accepted.length === 1);
  link.time.advance(oneWayMs);
  return { ...link, near, there: link.accepted[0]! };
}

/** Lets time go on in small steps until `socket` has ended, and returns what it said. */
async function readAll(socket: Socket, time: ManualTime): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let ended = false;
  socket.on('data', (bytes: Buffer) => chunks.push(bytes));
  socket.once('end', () => (ended = true));
  socket.resume();
  await eventually(() => (time.advance(5), ended), { everyMs: 1 });
  return Buffer.concat(chunks);
}

describe('a long link', () => {
  it('takes half a round trip until the target sees the dialler', async () => {
    const { time, proxy, accepted } = await far();
    await dial(proxy, time);
    time.advance(oneWayMs - 1);
    expect(time.waiting).toBe(1);
    expect(accepted).toHaveLength(0);
    time.advance(1);
    await eventually(() => accepted.length === 1);
  });

  it('lets the first byte leave a round trip after dialling', async () => {
    const { time, proxy, accepted } = await far();
    const near = await dial(proxy, time);
    near.write('hello');
    time.advance(oneWayMs);
    await eventually(() => accepted.length === 1);
    const heard: number[] = [];
    accepted[0]!.on('data', () => heard.push(time.clock.monotonicMs())).resume();
    time.advance(oneWayMs);
    // Read by the proxy now, and due one way later.
    await eventually(() => time.waiting === 1);
    time.advance(oneWayMs);
    await eventually(() => expect(heard).toEqual([3 * oneWayMs]));
  });

  it('keeps every byte in order, both ways at once, whatever the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 5000 }), { maxLength: 50 }),
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 5000 }), { maxLength: 50 }),
        async (forth, back) => {
          const { time, near, there } = await established();
          forth.forEach((chunk) => near.write(chunk));
          back.forEach((chunk) => there.write(chunk));
          near.end();
          there.end();
          const [heardThere, heardNear] = await Promise.all([readAll(there, time), readAll(near, time)]);
          expect(heardThere.equals(Buffer.concat(forth))).toBe(true);
          expect(heardNear.equals(Buffer.concat(back))).toBe(true);
        },
      ),
      { numRuns: 10 },
    );
  });

  it('passes the end of one direction on and keeps the other open', async () => {
    const { time, near, there } = await established();
    near.end('question');
    expect(String(await readAll(there, time))).toBe('question');
    there.end('answer');
    expect(String(await readAll(near, time))).toBe('answer');
  });

  it('passes a reset on, from either side', async () => {
    for (const side of ['near', 'there'] as const) {
      const link = await established();
      const other = side === 'near' ? link.there : link.near;
      const broken = once(other, 'error').then(([error]) => (error as NodeJS.ErrnoException).code);
      other.resume();
      link[side].resetAndDestroy();
      let code: string | undefined;
      void broken.then((value) => (code = value));
      await eventually(() => (link.time.advance(5), code !== undefined), { everyMs: 1 });
      expect(code).toBe('ECONNRESET');
    }
  });

  it('resets the dialler when nobody listens there', async () => {
    const { time, server, proxy } = await far();
    await new Promise((resolve) => server.close(resolve));
    const near = await dial(proxy, time);
    let code: string | undefined;
    near.once('error', (error: NodeJS.ErrnoException) => (code = error.code));
    near.resume();
    await eventually(() => (time.advance(5), code === 'ECONNRESET'), { everyMs: 1 });
    expect(near.destroyed).toBe(true);
  });

  it('stops reading at its bound while the target does not read, and goes on when it does', async () => {
    const mib = 1024 * 1024;
    const { time, proxy, accepted } = await far(mib);
    const near = await dial(proxy, time);
    time.advance(oneWayMs);
    await eventually(() => accepted.length === 1);
    time.advance(oneWayMs);
    const sent = Buffer.alloc(64 * mib, 'x');
    for (let at = 0; at < sent.length; at += mib) near.write(sent.subarray(at, at + mib));
    near.end();
    // Kernel buffers take some on both sides; most of it must stay with the sender.
    let written = -1;
    await eventually(
      () => {
        time.advance(50);
        const before = written;
        written = near.bytesWritten - near.writableLength;
        return before === written;
      },
      { everyMs: 50 },
    );
    expect(near.writableLength).toBeGreaterThan(32 * mib);
    expect((await readAll(accepted[0]!, time)).equals(sent)).toBe(true);
  });

  it('breaks its connections when closed', async () => {
    const { proxy, near } = await established();
    const closed = once(near, 'close');
    near.resume();
    await proxy.close();
    near.end();
    await closed;
    expect(near.destroyed).toBe(true);
  });
});
