import {
  Client,
  connectivityState,
  credentials,
  status,
  type ChannelCredentials,
  type ChannelOptions,
} from '@grpc/grpc-js';

/** PEM. `ca` alone checks etcd; with certificate and key the client proves itself too. */
export interface EtcdTls {
  readonly ca: Buffer;
  readonly certificate?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

const mib = 1024 * 1024;

const options: ChannelOptions = {
  // A page of entries is bounded where it is asked for; this bounds what a wrong guess costs.
  'grpc.max_receive_message_length': 64 * mib,
  'grpc.max_send_message_length': 4 * mib,
  'grpc-node.flow_control_window': 4 * mib,
  'grpc.enable_channelz': 0,
  // A mutation is sent once: who made it decides whether to send it again.
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.dns_min_time_between_resolutions_ms': 1000,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
};

function credentialsOf(scheme: string, tls: EtcdTls | undefined): ChannelCredentials {
  if (scheme !== 'https:') return credentials.createInsecure();
  return credentials.createSsl(tls?.ca ?? null, tls?.key ?? null, tls?.certificate ?? null);
}

/** One endpoint of etcd and, while it is in use, the connection to it. */
export class EtcdChannel {
  readonly endpoint: string;
  readonly #target: string;
  readonly #credentials: ChannelCredentials;
  #client: Client | undefined;

  /** Throws when `endpoint` is not http(s)://host:port. */
  constructor(endpoint: string, tls: EtcdTls | undefined) {
    const { protocol, hostname, port } = new URL(endpoint);
    if (!['http:', 'https:'].includes(protocol) || hostname === '')
      throw new Error(`an endpoint of etcd is http://host:port or https://host:port, not ${endpoint}`);
    this.endpoint = endpoint;
    this.#target = `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
    this.#credentials = credentialsOf(protocol, tls);
  }

  /** One that failed is replaced: grpc-js would fail calls without trying for as long as its back-off lasts. */
  client(): Client {
    const state = this.#client?.getChannel().getConnectivityState(false);
    if (state === connectivityState.TRANSIENT_FAILURE) this.abandon();
    return (this.#client ??= new Client(this.#target, this.#credentials, options));
  }

  /** The next call connects anew; those under way go on. */
  abandon(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}

/** The endpoints of one etcd, in the order of preference. One is in use, and kept until it fails. */
export class EtcdChannels {
  readonly #channels: readonly EtcdChannel[];
  #inUse = 0;

  constructor(endpoints: readonly string[], tls: EtcdTls | undefined) {
    if (endpoints.length === 0) throw new Error('etcd needs one endpoint at least');
    this.#channels = endpoints.map((endpoint) => new EtcdChannel(endpoint, tls));
  }

  get current(): EtcdChannel {
    return this.#channels[this.#inUse]!;
  }

  /** The next call goes elsewhere, unless another call's failure has seen to that. */
  failed(channel: EtcdChannel, code: status): void {
    // A connection that died without a word is found by a deadline alone.
    if (code !== status.UNAVAILABLE) channel.abandon();
    if (channel === this.current) this.#inUse = (this.#inUse + 1) % this.#channels.length;
  }

  close(): void {
    for (const channel of this.#channels) channel.abandon();
  }
}
