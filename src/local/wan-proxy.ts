import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { assertNever } from '../model/assert.js';
import type { Clock, Timers } from '../runtime/runtime.js';
import type { Address } from '../server/config/address.js';
import { DelayLine } from './delay-line.js';

/** Emulates a long link: connections to `address` go on to the target as if it were far away. */
export interface WanProxy {
  /** Where it listens. */
  readonly address: Address;
  /** Breaks every connection. */
  close(): Promise<void>;
}

export interface WanProxyOptions {
  readonly target: Address;
  /** Default: a port of the loopback interface that the system chooses. */
  readonly listen?: Address;
  /** Half of the round trip; or found from what a connection, still paused, says first and leaves to be read. */
  readonly oneWayMs: number | ((near: Socket) => Promise<number>);
  readonly clock: Clock;
  readonly timers: Timers;
  /** Of one connection, one direction; above it nothing more is read. Default 64 MiB. */
  readonly bufferBytesMax?: number;
}

type LinkOptions = Omit<WanProxyOptions, 'oneWayMs'> & { readonly oneWayMs: number };

/** What travels. */
type Segment =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** The sender is done; the other direction goes on. */
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' };

const mib = 1024 * 1024;

/** Bandwidth is not limited: only time passes. */
export async function openWanProxy(options: WanProxyOptions): Promise<WanProxy> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  const server: Server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
    (near) => {
      track(near);
      // Without a listener an error would end the process; `relay` passes it on.
      near.on('error', () => {});
      const { oneWayMs } = options;
      if (typeof oneWayMs === 'number') carry(near, { ...options, oneWayMs }, track);
      else void oneWayMs(near).then((found) => carry(near, { ...options, oneWayMs: found }, track));
    },
  );
  const { host, port: wanted } = options.listen ?? { host: '127.0.0.1', port: 0 };
  server.listen(wanted, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: { host, port },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/**
 * A connection costs a round trip before its first byte leaves, as TCP's handshake does: the target is dialled after half
 * of it, and what the dialler has sent is read after the whole.
 */
function carry(near: Socket, options: LinkOptions, track: (socket: Socket) => void): void {
  const { timers, oneWayMs, target } = options;
  timers.after(oneWayMs, () => {
    if (near.destroyed) return;
    // Whoever looked at its first bytes may have set it flowing.
    near.pause();
    const far = connect({ ...target, allowHalfOpen: true, noDelay: true });
    far.on('error', () => {});
    track(far);
    const [there, back] = [relay(near, far, options), relay(far, near, options)];
    far.once('close', () => there.clear());
    near.once('close', () => back.clear());
    timers.after(oneWayMs, () => near.resume());
  });
}

/** Moves what `from` says to `to`, later. */
function relay(from: Socket, to: Socket, options: LinkOptions): { clear(): void } {
  const { bufferBytesMax = 64 * mib } = options;
  let travellingBytes = 0;
  const full = (): boolean => travellingBytes + to.writableLength >= bufferBytesMax;
  const resumeWhenRoom = (): void => {
    if (from.isPaused() && started && !full()) from.resume();
  };
  let started = false;
  const line = new DelayLine<Segment>({
    ...options,
    delayMs: options.oneWayMs,
    deliver: (segment) => {
      if (to.destroyed) return;
      switch (segment.kind) {
        case 'bytes':
          travellingBytes -= segment.bytes.length;
          to.write(segment.bytes);
          return resumeWhenRoom();
        case 'end':
          to.end();
          return;
        case 'reset':
          to.resetAndDestroy();
          return;
        default:
          assertNever(segment);
      }
    },
  });
  from.on('data', (bytes: Buffer) => {
    started = true;
    travellingBytes += bytes.length;
    line.push({ kind: 'bytes', bytes });
    if (full()) from.pause();
  });
  from.once('end', () => line.push({ kind: 'end' }));
  from.once('error', () => line.push({ kind: 'reset' }));
  to.on('drain', resumeWhenRoom);
  return line;
}
