import { credentials as channelCredentials, type ChannelCredentials } from '@grpc/grpc-js';
import { silentLogger, type Logger } from '../runtime/runtime.js';
import { holdProcess } from '../runtime/system/process-hold.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { GrpcPublicDialler } from '../transport/grpc/public-dialler.js';
import { clientLimits } from './client-limits.js';
import { Client, type ClientOptions } from './client.js';

export interface TlsOptions {
  /** PEM of the authorities to trust; default: those of Node. */
  readonly ca?: string | Uint8Array;
  /** PEM of the client's own certificate and its key: nodes with TLS ask for one of their authorities. */
  readonly certificate?: string | Uint8Array;
  readonly key?: string | Uint8Array;
}

export interface ConnectOptions extends ClientOptions {
  /** A bearer token, when the nodes have tokens. */
  readonly token?: string;
  /** Default: plain text, for nodes on this machine. */
  readonly tls?: boolean | TlsOptions;
  /** Credentials of grpc-js, in place of `tls`. */
  readonly credentials?: ChannelCredentials;
  /** Told of changes of region and of nodes that are not to be used; default: nobody. */
  readonly logger?: Logger;
}

/**
 * A client over gRPC, connected to the nearest node. It keeps the process alive until it is closed. Rejects with
 * NO_NODE_REACHABLE, UNAUTHENTICATED, the signal's reason, or a TypeError for endpoints that are none.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  refuseWrong(options.endpoints);
  const runtime = createSystemRuntime(options.logger ?? silentLogger);
  const { token } = options;
  const dialler = new GrpcPublicDialler({
    credentials: options.credentials ?? credentialsOf(options.tls ?? false),
    ...(token === undefined ? {} : { token }),
    timers: runtime.timers,
  });
  return Client.open(options, { dialler, runtime, onClose: holdProcess() });
}

const hostAndPort = /^(?:[\w.-]+|\[[0-9a-f:.]+\]):\d{1,5}$/i;

/** gRPC would take a URL for the name of a host, and look for it as long as `connect` may take. */
function refuseWrong(endpoints: unknown): void {
  const isCountRight =
    Array.isArray(endpoints) && endpoints.length > 0 && endpoints.length <= clientLimits.endpointsMax;
  if (!isCountRight)
    throw new TypeError(`connect takes a list of 1 to ${clientLimits.endpointsMax} endpoints`);
  const wrong = endpoints.find((one) => typeof one !== 'string' || !hostAndPort.test(one)) as unknown;
  if (wrong !== undefined) throw new TypeError(`an endpoint is host:port, not ${String(wrong)}`);
}

function credentialsOf(tls: boolean | TlsOptions): ChannelCredentials {
  if (tls === false) return channelCredentials.createInsecure();
  const { ca, certificate, key } = tls === true ? ({} as TlsOptions) : tls;
  return channelCredentials.createSsl(pem(ca), pem(key), pem(certificate));
}

function pem(text: string | Uint8Array | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text as Uint8Array);
}
