import {
  Client,
  connectivityState,
  credentials as channelCredentials,
  Server,
  ServerCredentials,
  status,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { NodeId } from '../../model/ids.js';
import { delay, type Runtime } from '../../runtime/runtime.js';
import { closedStream, createLoopbackPair } from '../loopback.js';
import type { PeerMethod, PeerStream, PeerTransport } from '../peer-transport.js';
import { defaultStreamLimits, type StreamLimits } from '../send-queue.js';
import { acceptCall, judgeOpener, refuseCall, type PeerCall } from './accepted-stream.js';
import { channelOptions, defaultKeepalive, serverOptions, type Keepalive } from './channel-settings.js';
import type { GrpcPeerStream } from './grpc-peer-stream.js';
import { openStream } from './opened-stream.js';
import { peerMethods, peerService } from './peer-service.js';
import { refusesConnections } from './refused-connections.js';
import type { PeerTls } from './peer-tls.js';

export interface GrpcPeerTransportOptions {
  readonly cluster: string;
  readonly self: NodeId;
  /** host:port of every node that may be opened to or accepted from. */
  readonly addresses: ReadonlyMap<NodeId, string>;
  /** host:port; port 0 picks a free one. */
  readonly listen: string;
  readonly runtime: Runtime;
  readonly limits?: StreamLimits;
  /** How long `open` waits for the acceptor's answer before it closes the stream. ms */
  readonly openTimeoutMs?: number;
  readonly keepalive?: Keepalive;
  /** Plain text, and everyone is who he says, when not given. */
  readonly tls?: PeerTls | undefined;
}

export interface GrpcPeerTransport extends PeerTransport {
  /** Hosts another gRPC service on the same port. Before `start`. */
  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void;
  /** The port that is listened on. Throws before `start` has resolved. */
  readonly port: number;
}

export function createGrpcPeerTransport(options: GrpcPeerTransportOptions): GrpcPeerTransport {
  return new GrpcTransport(options);
}

type Acceptor = (stream: PeerStream, from: NodeId) => void;

/** How long open streams, then open connections, may take to end at `stop`. */
const stopGraceMs = 300;

class GrpcTransport implements GrpcPeerTransport {
  readonly #options: GrpcPeerTransportOptions;
  readonly #limits: StreamLimits;
  readonly #keepalive: Keepalive;
  readonly #server: Server;
  readonly #acceptors = new Map<PeerMethod, Acceptor>();
  readonly #clients = new Map<string, Client>();
  readonly #streams = new Set<GrpcPeerStream>();
  readonly #loopbackEnds = new Set<PeerStream>();
  #port: number | undefined;
  #stopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: GrpcPeerTransportOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultStreamLimits;
    this.#keepalive = options.keepalive ?? defaultKeepalive;
    this.#server = new Server(serverOptions(this.#limits, this.#keepalive));
  }

  get port(): number {
    if (this.#port === undefined) throw new Error('the transport has not started');
    return this.#port;
  }

  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#server.addService(definition, implementation);
  }

  accept(method: PeerMethod, acceptor: Acceptor): void {
    if (this.#acceptors.has(method)) throw new Error(`${method} has an acceptor`);
    this.#acceptors.set(method, acceptor);
  }

  open(to: NodeId, method: PeerMethod): PeerStream {
    const { cluster, self, addresses, runtime, openTimeoutMs = 2000 } = this.#options;
    const { timers } = runtime;
    if (this.#stopped) return closedStream(timers, 'the transport has stopped');
    if (to === self) return this.#openToSelf(method);
    const address = addresses.get(to);
    if (address === undefined) return closedStream(timers, `node ${to} is not in the cluster`);
    const key = `${to}/${method}`;
    const client = this.#clientFor(key, to, address);
    const onOpenTimeout = (): void => this.#abandonUnlessReady(key, client);
    const context = { cluster, self, timers, limits: this.#limits, openTimeoutMs, onOpenTimeout };
    return this.#keep(openStream(client, { to, method }, context, (stream) => this.#forget(stream)));
  }

  isDown(node: NodeId): Promise<boolean> {
    const address = this.#options.addresses.get(node);
    return address === undefined ? Promise.resolve(false) : refusesConnections(address);
  }

  start(): Promise<void> {
    this.#server.addService(
      peerService as unknown as ServiceDefinition,
      Object.fromEntries(
        peerMethods.map((method) => [method, (call: PeerCall) => this.#onCall(method, call)]),
      ),
    );
    const { listen, tls } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(listen, tls?.server ?? ServerCredentials.createInsecure(), (error, port) => {
        if (error) return reject(error);
        this.#port = port;
        resolve();
      });
    });
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const { timers } = this.#options.runtime;
    const reason = `node ${this.#options.self} stops`;
    for (const stream of [...this.#streams, ...this.#loopbackEnds]) stream.close(reason);
    await Promise.race([this.#idle(), delay(timers, stopGraceMs)]);
    for (const stream of this.#streams) stream.abort(reason);
    for (const client of this.#clients.values()) client.close();
    const ended = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    await Promise.race([ended, delay(timers, stopGraceMs)]);
    this.#server.forceShutdown();
  }

  #onCall(method: PeerMethod, call: PeerCall): void {
    const { cluster, self, addresses, runtime, tls } = this.#options;
    const isKnown = (node: string): node is NodeId => addresses.has(node as NodeId);
    const opener = judgeOpener(call, { cluster, self, isKnown, proven: tls !== undefined });
    if ('refused' in opener) {
      runtime.logger.warn({ method, peer: call.getPeer() }, `refused a peer: ${opener.refused}`);
      return refuseCall(call, opener.code, opener.refused);
    }
    const acceptor = this.#acceptors.get(method);
    if (acceptor === undefined || this.#stopped) {
      return refuseCall(call, status.UNAVAILABLE, `node ${self} does not accept ${method} streams now`);
    }
    const over = (stream: GrpcPeerStream): void => this.#forget(stream);
    const stream = acceptCall(call, opener.from, { timers: runtime.timers, limits: this.#limits }, over);
    acceptor(this.#keep(stream), opener.from);
  }

  #openToSelf(method: PeerMethod): PeerStream {
    const { self, runtime } = this.#options;
    const acceptor = this.#acceptors.get(method);
    if (acceptor === undefined)
      return closedStream(runtime.timers, `node ${self} does not accept ${method} streams`);
    const [opened, accepted] = createLoopbackPair(runtime.timers, this.#limits, () => {
      this.#loopbackEnds.delete(opened);
    });
    this.#loopbackEnds.add(opened);
    runtime.timers.soon(() => acceptor(accepted, self));
    return opened;
  }

  /**
   * One channel, which is one connection, per peer and method. One that failed is replaced, so that an `open` is always a
   * fresh attempt: grpc-js would fail it without trying for as long as the channel's back-off lasts.
   */
  #clientFor(key: string, to: NodeId, address: string): Client {
    const kept = this.#clients.get(key);
    if (kept && kept.getChannel().getConnectivityState(false) !== connectivityState.TRANSIENT_FAILURE)
      return kept;
    kept?.close();
    const secure = this.#options.tls?.channelTo(to);
    const client = new Client(address, secure?.credentials ?? channelCredentials.createInsecure(), {
      ...channelOptions(this.#limits, this.#keepalive),
      ...secure?.options,
    });
    this.#clients.set(key, client);
    return client;
  }

  /** After a partition TCP alone would go on with its own attempt, at ever longer intervals; the next `open` begins anew. */
  #abandonUnlessReady(key: string, client: Client): void {
    if (this.#clients.get(key) !== client) return;
    if (client.getChannel().getConnectivityState(false) === connectivityState.READY) return;
    this.#clients.delete(key);
    client.close();
  }

  #keep(stream: GrpcPeerStream): GrpcPeerStream {
    this.#streams.add(stream);
    return stream;
  }

  #forget(stream: GrpcPeerStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) this.#onIdle?.();
  }

  /** Resolves when no call is left. */
  #idle(): Promise<void> {
    if (this.#streams.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onIdle = resolve));
  }
}
