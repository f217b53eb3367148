import { Client, credentials, Metadata, Server, ServerCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { Duplex } from 'node:stream';
import { nodeId } from '../../src/model/ids.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import {
  createGrpcPeerTransport,
  type GrpcPeerTransport,
} from '../../src/transport/grpc/grpc-peer-transport.js';
import { peerService, type PeerMethodDefinition } from '../../src/transport/grpc/peer-service.js';

/** The ways for a node's submissions to reach the sequencer. In `reversed` ones the sequencer opens and the node accepts. */
export const choices = {
  'a: client to server, 1 connection': { reversed: false, connections: 1, through: 'grpc-js' },
  'b: client to server, 4 connections': { reversed: false, connections: 4, through: 'grpc-js' },
  'b: client to server, 8 connections': { reversed: false, connections: 8, through: 'grpc-js' },
  'c: server to client, 1 connection': { reversed: true, connections: 1, through: 'grpc-js' },
  'c: the same through src/transport': { reversed: true, connections: 1, through: 'transport' },
  'd: client to server, private window': { reversed: false, connections: 1, through: 'private field' },
} as const;

export type ChoiceName = keyof typeof choices;

/** Sends one message; resolves when the link wants the next. */
export type Send = (message: Buffer) => Promise<void>;

const windowBytes = 16 * 1024 * 1024;
const outstandingBytesMax = 2 * 1024 * 1024;
const method: PeerMethodDefinition = peerService.certify;
const messageLengths: ChannelOptions = {
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.max_send_message_length': 4 * 1024 * 1024,
};
const runtime = createSystemRuntime(silentLogger);
const [node, sequencer] = [nodeId('node'), nodeId('sequencer')];

/** A server whose calls go to `onCall`. Resolves to its port. */
export function listen(onCall: (call: Duplex) => void, through: string): Promise<number> {
  const server = new Server(messageLengths);
  if (through === 'private field') {
    const inner = server as unknown as { commonServerOptions: { settings?: object } };
    inner.commonServerOptions.settings = { initialWindowSize: windowBytes };
  }
  const accept = (call: Duplex & { sendMetadata(metadata: Metadata): void; call?: unknown }): void => {
    call.sendMetadata(new Metadata());
    if (through === 'private field') raiseConnectionWindow(call);
    onCall(call);
  };
  server.addService({ certify: method }, { certify: accept as never });
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
}

function raiseConnectionWindow(call: { call?: unknown }): void {
  const { stream } = call.call as { stream: { session: { setLocalWindowSize(bytes: number): void } } };
  stream.session.setLocalWindowSize(windowBytes);
}

/** Opens one call on a connection of its own. */
export function open(port: number): Duplex {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    ...messageLengths,
    'grpc-node.flow_control_window': windowBytes,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  const call = client.makeBidiStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    new Metadata(),
  );
  call.on('error', () => {});
  return call as unknown as Duplex;
}

/** Sends over the calls in turn, each with a bounded amount under way to the socket. */
export function sendOver(calls: readonly Duplex[]): Send {
  const outstanding = calls.map(() => 0);
  let wake: (() => void) | undefined;
  return async (message) => {
    for (;;) {
      const least = outstanding.indexOf(Math.min(...outstanding));
      if (outstanding[least]! < outstandingBytesMax) {
        outstanding[least]! += message.length;
        calls[least]!.write(message, () => {
          outstanding[least]! -= message.length;
          wake?.();
        });
        return;
      }
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
}

function transportOf(self: 'node' | 'sequencer', peerPort: number): GrpcPeerTransport {
  const own = self === 'node' ? node : sequencer;
  const peer = self === 'node' ? sequencer : node;
  return createGrpcPeerTransport({
    cluster: 'bench',
    self: own,
    addresses: new Map([[peer, `127.0.0.1:${peerPort}`]]),
    listen: '127.0.0.1:0',
    runtime,
  });
}

/** The node's end: accepts the sequencer's stream and sends over it. */
export async function acceptThroughTransport(onSend: (send: Send) => void): Promise<number> {
  const transport = transportOf('node', 1);
  transport.accept('certify', (stream) =>
    onSend(async (message) => {
      if (!stream.send(message)) await stream.drained();
    }),
  );
  await transport.start();
  return transport.port;
}

export function openThroughTransport(port: number, onMessage: (message: Uint8Array) => void): void {
  transportOf('sequencer', port).open(node, 'certify').onMessage(onMessage);
}
