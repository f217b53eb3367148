import { Client, credentials, type handleUnaryCall, type MethodDefinition } from '@grpc/grpc-js';
import { connect, createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { nodeId, type NodeId } from '../../model/ids.js';
import { silentLogger } from '../../runtime/runtime.js';
import { createSystemRuntime } from '../../runtime/system/runtime.js';
import type { PeerMethod, PeerStream } from '../peer-transport.js';
import {
  createGrpcPeerTransport,
  type GrpcPeerTransport,
  type GrpcPeerTransportOptions,
} from './grpc-peer-transport.js';

const runtime = createSystemRuntime(silentLogger);
const east = nodeId('east');
const west = nodeId('west');
const north = nodeId('north');
const mib = 1024 * 1024;

const running: GrpcPeerTransport[] = [];
const tcpServers: TcpServer[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((transport) => transport.stop()));
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of tcpServers.splice(0)) server.close();
});

function transport(self: NodeId, options: Partial<GrpcPeerTransportOptions> = {}): GrpcPeerTransport {
  const created = createGrpcPeerTransport({
    cluster: 'test',
    self,
    addresses: new Map([
      [east, '127.0.0.1:1'],
      [west, '127.0.0.1:1'],
    ]),
    listen: '127.0.0.1:0',
    runtime,
    ...options,
  });
  running.push(created);
  return created;
}

async function accepting(
  self: NodeId,
  options: Partial<GrpcPeerTransportOptions> = {},
): Promise<{ server: GrpcPeerTransport; accepted: { stream: PeerStream; from: NodeId }[] }> {
  const server = transport(self, options);
  const accepted: { stream: PeerStream; from: NodeId }[] = [];
  server.accept('certify', (stream, from) => accepted.push({ stream, from }));
  await server.start();
  return { server, accepted };
}

const at = (port: number): ReadonlyMap<NodeId, string> => new Map([[west, `127.0.0.1:${port}`]]);

async function closeReason(stream: PeerStream): Promise<string> {
  const reasons: string[] = [];
  stream.onClose((reason) => reasons.push(reason));
  await eventually(() => reasons.length === 1);
  return reasons[0]!;
}

/** Listens and gives every connection to `onConnection`. */
async function tcpServer(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  tcpServers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('an opener', () => {
  test('is told by the acceptor who it is', async () => {
    const { server, accepted } = await accepting(west);
    transport(east, { addresses: at(server.port) }).open(west, 'certify');
    await eventually(() => accepted.length === 1);
    expect(accepted[0]!.from).toBe(east);
  });

  test('of another cluster is refused, and the reason names both clusters', async () => {
    const { server, accepted } = await accepting(west, { cluster: 'ours' });
    const stream = transport(east, { cluster: 'theirs', addresses: at(server.port) }).open(west, 'certify');
    expect(await closeReason(stream)).toMatch(/FAILED_PRECONDITION: this is cluster ours, not theirs/);
    expect(accepted).toEqual([]);
  });

  test('that the acceptor does not know is refused', async () => {
    const { server, accepted } = await accepting(west);
    const stream = transport(north, { addresses: at(server.port) }).open(west, 'certify');
    expect(await closeReason(stream)).toMatch(/FAILED_PRECONDITION: node north is not a peer of west/);
    expect(accepted).toEqual([]);
  });

  test('that reaches another node than it meant is refused', async () => {
    const { server } = await accepting(east);
    const stream = transport(north, { addresses: at(server.port) }).open(west, 'certify');
    expect(await closeReason(stream)).toMatch(/FAILED_PRECONDITION: this is node east, not west/);
  });

  test('of a method that nobody accepts is refused', async () => {
    const { server } = await accepting(west);
    const methods: PeerMethod[] = ['entries', 'gossip', 'transfer'];
    for (const method of methods) {
      const stream = transport(east, { addresses: at(server.port) }).open(west, method);
      expect(await closeReason(stream)).toContain(`does not accept ${method}`);
    }
  });

  test('of a node that has no address gets a closed stream', async () => {
    expect(await closeReason(transport(east).open(north, 'certify'))).toMatch(/north is not in the cluster/);
  });

  test('of a node that is down gets a closed stream', async () => {
    const port = await tcpServer(() => {});
    await new Promise((resolve) => tcpServers.pop()!.close(resolve));
    const stream = transport(east, { addresses: at(port) }).open(west, 'certify');
    expect(await closeReason(stream)).toMatch(/west: UNAVAILABLE/);
  });

  test('of a node that takes the connection and says nothing gets a closed stream', async () => {
    const port = await tcpServer(() => {});
    const stream = transport(east, { addresses: at(port), openTimeoutMs: 100 }).open(west, 'certify');
    expect(await closeReason(stream)).toMatch(/west does not answer within 100 ms/);
  });

  test('begins a new connection after one that was never answered', async () => {
    const { server, accepted } = await accepting(west);
    let connections = 0;
    const port = await tcpServer((socket) => {
      connections += 1;
      if (connections === 1) return;
      const onward = connect(server.port, '127.0.0.1');
      sockets.push(onward);
      onward.on('error', () => {});
      socket.pipe(onward).pipe(socket);
    });
    const client = transport(east, { addresses: at(port), openTimeoutMs: 1000 });
    await closeReason(client.open(west, 'certify'));
    client.open(west, 'certify');
    await eventually(() => accepted.length === 1);
    expect(connections).toBe(2);
  });

  test('reaches a node again after it was down and after it was restarted', async () => {
    const first = await accepting(west);
    const { port } = first.server;
    const client = transport(east, { addresses: at(port) });
    const stream = client.open(west, 'certify');
    await eventually(() => first.accepted.length === 1);

    await first.server.stop();
    expect(await closeReason(stream)).toMatch(/node west stops/);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect(await closeReason(client.open(west, 'certify'))).toMatch(/west: UNAVAILABLE/);
    }

    const second = await accepting(west, { listen: `127.0.0.1:${port}` });
    const again = client.open(west, 'certify');
    const received: string[] = [];
    again.onMessage((message) => received.push(Buffer.from(message).toString()));
    await eventually(() => second.accepted.length === 1);
    second.accepted[0]!.stream.send(Buffer.from('back'));
    await eventually(() => received.length === 1);
    expect(received).toEqual(['back']);
  });
});

describe('a connection', () => {
  test('that goes silent without closing is noticed by both sides', async () => {
    const keepalive = { pingEveryMs: 100, answerWithinMs: 200 };
    const { server, accepted } = await accepting(west, { keepalive });
    let silent = false;
    const port = await tcpServer((socket) => {
      const onward = connect(server.port, '127.0.0.1');
      sockets.push(onward);
      onward.on('error', () => {});
      socket.on('data', (bytes) => silent || onward.write(bytes));
      onward.on('data', (bytes) => silent || socket.write(bytes));
    });
    const opened = transport(east, { addresses: at(port), keepalive }).open(west, 'certify');
    await eventually(() => accepted.length === 1);
    silent = true;
    expect(await closeReason(opened)).toMatch(/west: UNAVAILABLE/);
    expect(await closeReason(accepted[0]!.stream)).toMatch(/east is gone/);
  });

  test('that breaks closes its streams on both sides', async () => {
    const { server, accepted } = await accepting(west);
    const links: Socket[] = [];
    const port = await tcpServer((socket) => {
      const onward = connect(server.port, '127.0.0.1');
      sockets.push(onward);
      links.push(socket, onward);
      onward.on('error', () => {});
      socket.pipe(onward).pipe(socket);
    });
    const opened = transport(east, { addresses: at(port) }).open(west, 'certify');
    await eventually(() => accepted.length === 1);
    for (const link of links) link.destroy();
    expect(await closeReason(opened)).toMatch(/west: UNAVAILABLE/);
    expect(await closeReason(accepted[0]!.stream)).toMatch(/east is gone/);
  });

  test('carries one method only, so that a paused stream of entries does not hold up certification', async () => {
    const { server, accepted } = await accepting(west);
    const bulk: PeerStream[] = [];
    server.accept('entries', (stream) => bulk.push(stream));
    let connections = 0;
    const port = await tcpServer((socket) => {
      connections += 1;
      const onward = connect(server.port, '127.0.0.1');
      sockets.push(onward);
      onward.on('error', () => {});
      socket.pipe(onward).pipe(socket);
    });
    const client = transport(east, { addresses: at(port) });
    client.open(west, 'entries').pause();
    const certify = client.open(west, 'certify');
    await eventually(() => bulk.length === 1 && accepted.length === 1);
    expect(connections).toBe(2);
    while (bulk[0]!.send(new Uint8Array(512 * 1024)));
    const received: number[] = [];
    certify.onMessage((message) => received.push(message.length));
    accepted[0]!.stream.send(new Uint8Array(3));
    await eventually(() => received.length === 1);
    expect(received).toEqual([3]);
  });
});

describe('a paused stream', () => {
  test.each(['to the opener', 'to the acceptor'])(
    'does not hold up another on its connection, %s',
    async (way) => {
      const { server, accepted } = await accepting(west);
      const client = transport(east, { addresses: at(server.port) });
      const opened: PeerStream[] = [];
      for (const count of [1, 2]) {
        opened.push(client.open(west, 'certify'));
        await eventually(() => accepted.length === count);
      }
      const [senders, receivers] =
        way === 'to the opener'
          ? [accepted.map(({ stream }) => stream), opened]
          : [opened, accepted.map(({ stream }) => stream)];
      receivers[0]!.onMessage(() => {});
      receivers[0]!.pause();
      let received = 0;
      receivers[1]!.onMessage(() => (received += 1));
      // More than the connection's whole flow-control window, on either stream.
      for (let sent = 0; sent < 40; sent += 1) senders[0]!.send(new Uint8Array(mib));
      for (let sent = 0; sent < 40; sent += 1) {
        senders[1]!.send(new Uint8Array(mib));
        await senders[1]!.drained();
      }
      await eventually(() => received === 40);
      expect(received).toBe(40);
    },
  );
});

describe('stop', () => {
  test('ends open, paused and loopback streams with the reason, and frees the port', async () => {
    const { server, accepted } = await accepting(west);
    const opened = transport(east, { addresses: at(server.port) }).open(west, 'certify');
    const own = server.open(west, 'certify');
    await eventually(() => accepted.length === 2);
    for (const { stream } of accepted) stream.pause();
    const { port } = server;
    await server.stop();
    expect(await closeReason(opened)).toMatch(/node west stops/);
    expect(await closeReason(own)).toMatch(/node west stops/);
    expect(await closeReason(server.open(east, 'certify'))).toMatch(/has stopped/);
    const { server: next } = await accepting(west, { listen: `127.0.0.1:${port}` });
    expect(next.port).toBe(port);
  });

  test('ends although the other side neither reads nor answers', async () => {
    const { server, accepted } = await accepting(west);
    const opened = transport(east, { addresses: at(server.port) }).open(west, 'certify');
    opened.pause();
    await eventually(() => accepted.length === 1);
    while (accepted[0]!.stream.send(new Uint8Array(mib)));
    await server.stop();
    expect(await closeReason(accepted[0]!.stream)).toMatch(/node west stops/);
  });
});

test('start fails when the port is taken', async () => {
  const { server } = await accepting(west);
  await expect(transport(east, { listen: `127.0.0.1:${server.port}` }).start()).rejects.toThrow(/EADDRINUSE/);
});

test('another service is hosted on the same port', async () => {
  const echo: MethodDefinition<Buffer, Buffer> = {
    path: '/test.Echo/Say',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (bytes) => bytes,
    responseDeserialize: (bytes) => bytes,
  };
  const server = transport(west);
  const say: handleUnaryCall<Buffer, Buffer> = (call, answer) => answer(null, call.request);
  server.addService({ say: echo }, { say });
  await server.start();
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const answer = await new Promise((resolve) =>
    client.makeUnaryRequest(
      echo.path,
      echo.requestSerialize,
      echo.responseDeserialize,
      Buffer.from('hello'),
      (error, said) => resolve(error ?? said),
    ),
  );
  client.close();
  expect(answer).toEqual(Buffer.from('hello'));
});
