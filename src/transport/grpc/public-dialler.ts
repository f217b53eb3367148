import {
  Client,
  credentials as channelCredentials,
  Metadata,
  status,
  type ChannelCredentials,
  type StatusObject,
} from '@grpc/grpc-js';
import type { Timers } from '../../runtime/runtime.js';
import { decodeStatusDetails, statusDetailsKey } from '../public-api/error-info.js';
import type { FailureMessage } from '../public-api/messages.js';
import { publicService, type PublicMethodDefinition } from '../public-api/service.js';
import { channelOptions, defaultKeepalive, type Keepalive } from './channel-settings.js';
import { GrpcPeerStream } from './grpc-peer-stream.js';
import type { StreamLimits } from '../send-queue.js';

export interface PublicDiallerOptions {
  /** Plain text when not given. */
  readonly credentials?: ChannelCredentials;
  /** Sent as `authorization: Bearer …`. */
  readonly token?: string;
  readonly timers: Timers;
  readonly keepalive?: Keepalive;
}

const mib = 1024 * 1024;

/** Several large answers may come in one message; what is sent is far smaller. */
const limits: StreamLimits = { messageBytesMax: 64 * mib, highWaterBytes: mib, queueBytesMax: 64 * mib };

/** A stream that knows the catalogue's error that the node ended it with. */
export class PublicStream extends GrpcPeerStream {
  failure: FailureMessage | undefined;
}

/**
 * Opens streams of the public API. Each has a connection of its own: a watch that is not read holds back no call, and a
 * connection that broke leaves no back-off behind.
 */
export class GrpcPublicDialler {
  readonly #options: PublicDiallerOptions;
  readonly #open = new Map<PublicStream, Client>();
  #closed = false;

  constructor(options: PublicDiallerOptions) {
    this.#options = options;
  }

  session(endpoint: string): PublicStream {
    return this.#dial(endpoint, publicService.session);
  }

  watch(endpoint: string, request: Uint8Array): PublicStream {
    return this.#dial(endpoint, publicService.watch, request);
  }

  close(): void {
    this.#closed = true;
    for (const stream of this.#open.keys()) stream.abort('the client is closed');
  }

  /** `request`: the only message that is sent. A server stream looks the same on the wire as one that is half closed. */
  #dial(
    endpoint: string,
    { path, requestSerialize, responseDeserialize }: PublicMethodDefinition,
    request?: Uint8Array,
  ): PublicStream {
    const { credentials, timers, keepalive = defaultKeepalive } = this.#options;
    const client = new Client(
      endpoint,
      credentials ?? channelCredentials.createInsecure(),
      channelOptions(limits, keepalive),
    );
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.#metadata());
    const end = request === undefined ? () => call.end() : () => call.cancel();
    const stream = new PublicStream({ duplex: call, end, abort: () => call.cancel() }, timers, limits);
    this.#open.set(stream, client);
    // grpc-js emits it before the status, which says the same; without a listener it would be thrown.
    call.on('error', () => {});
    call.on('status', (ended: StatusObject) => {
      stream.failure = failureOf(ended);
      stream.over(reasonOf(ended));
      this.#open.delete(stream);
      client.close();
    });
    if (request !== undefined) {
      stream.send(request);
      call.end();
    }
    if (this.#closed) stream.abort('the client is closed');
    return stream;
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    const { token } = this.#options;
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    return metadata;
  }
}

/** grpc-js has no code of its own for a server that speaks no HTTP/2: nghttp2's words are all there is. */
function reasonOf({ code, details }: StatusObject): string {
  if (code === status.OK) return 'the node ended the stream';
  const reason = `${status[code]}: ${details}`;
  if (code !== status.UNAVAILABLE || !details.includes('Last error: Protocol error')) return reason;
  return `what answers there speaks no HTTP/2; an endpoint is the address of a node's gRPC port (${reason})`;
}

function failureOf({ metadata }: StatusObject): FailureMessage | undefined {
  const [details] = metadata.get(statusDetailsKey);
  if (!Buffer.isBuffer(details)) return undefined;
  try {
    return decodeStatusDetails(details)?.failure;
  } catch {
    return undefined;
  }
}
