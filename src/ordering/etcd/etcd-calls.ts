import {
  Metadata,
  status,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Runtime } from '../../runtime/runtime.js';
import { protoFile } from '../../transport/proto-files.js';
import type { EtcdChannel, EtcdChannels } from './etcd-channel.js';
import type { EndedBy } from './etcd-refusals.js';

export const etcdMethods = {
  range: 'KV/Range',
  txn: 'KV/Txn',
  compact: 'KV/Compact',
  grant: 'Lease/LeaseGrant',
  revoke: 'Lease/LeaseRevoke',
  keepAlive: 'Lease/LeaseKeepAlive',
  authenticate: 'Auth/Authenticate',
} as const;

export type EtcdMethod = keyof typeof etcdMethods;

const loaded = loadSync(protoFile('etcd/rpc.proto'), { longs: String, enums: String, defaults: true });

function definitionOf(method: EtcdMethod): MethodDefinition<object, unknown> {
  const [service, name] = etcdMethods[method].split('/') as [string, string];
  return (loaded[`etcdserverpb.${service}`] as ServiceDefinition)[name] as MethodDefinition<object, unknown>;
}

const definitions = Object.fromEntries(
  (Object.keys(etcdMethods) as EtcdMethod[]).map((method) => [method, definitionOf(method)]),
) as Record<EtcdMethod, MethodDefinition<object, unknown>>;

export interface EtcdRequest {
  readonly method: EtcdMethod;
  readonly message: object;
  readonly deadlineMs: number;
}

export type EtcdSent = { readonly answer: unknown } | { readonly error: ServiceError; readonly by: EndedBy };

interface Call {
  cancel(): void;
}

/** Sends each request once, to the endpoint in use, and knows what is under way. A failed one goes elsewhere next time. */
export class EtcdCalls {
  readonly #channels: EtcdChannels;
  readonly #runtime: Runtime;
  readonly #underWay = new Set<(by: EndedBy) => void>();
  #isClosed = false;

  constructor(channels: EtcdChannels, runtime: Runtime) {
    this.#channels = channels;
    this.#runtime = runtime;
  }

  send({ method, message, deadlineMs }: EtcdRequest, token: string | undefined): Promise<EtcdSent> {
    const channel = this.#channels.current;
    return new Promise((resolve) => {
      let endedBy: EndedBy;
      const end = (by: EndedBy): void => {
        endedBy ??= by;
        call.cancel();
      };
      const cancelDeadline = this.#runtime.timers.after(deadlineMs, () => end('deadline'));
      this.#underWay.add(end);
      const settle = (error: ServiceError | null, answer: unknown): void => {
        cancelDeadline();
        this.#underWay.delete(end);
        if (error === null) return resolve({ answer });
        if (endedBy !== 'close') this.#noteFailure(channel, error, endedBy);
        resolve({ error, by: endedBy });
      };
      if (this.#isClosed) return settle(closedError, undefined);
      const call = start(channel, { method, message }, metadataWith(token), settle);
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const end of [...this.#underWay]) end('close');
    this.#channels.close();
  }

  #noteFailure(channel: EtcdChannel, error: ServiceError, by: EndedBy): void {
    const isSilent = by === 'deadline';
    if (!isSilent && !elsewhere.includes(error.code)) return;
    const { endpoint } = channel;
    this.#runtime.logger.debug({ endpoint, error: error.message }, 'an endpoint of etcd failed');
    this.#channels.failed(channel, isSilent ? status.DEADLINE_EXCEEDED : error.code);
  }
}

/** Codes with which another endpoint may do better. */
const elsewhere: readonly status[] = [
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.UNKNOWN,
  status.INTERNAL,
  status.DATA_LOSS,
];

const closedError: ServiceError = Object.assign(new Error('the client is closed'), {
  code: status.CANCELLED,
  details: 'the client is closed',
  metadata: new Metadata(),
});

function metadataWith(token: string | undefined): Metadata {
  const metadata = new Metadata();
  // A member that sees no leader then says so at once.
  metadata.set('hasleader', 'true');
  if (token !== undefined) metadata.set('token', token);
  return metadata;
}

type Settle = (error: ServiceError | null, answer: unknown) => void;

function start(
  channel: EtcdChannel,
  { method, message }: Pick<EtcdRequest, 'method' | 'message'>,
  metadata: Metadata,
  settle: Settle,
): Call {
  const { path, requestSerialize, responseDeserialize, responseStream } = definitions[method];
  const client = channel.client();
  if (!responseStream) {
    const done = (error: ServiceError | null, answer: unknown): void => settle(error, answer);
    return client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, metadata, done);
  }
  // One question and one answer: the stream that etcd offers is not kept.
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  let isSettled = false;
  const once: Settle = (error, answer) => {
    if (isSettled) return;
    isSettled = true;
    settle(error, answer);
  };
  stream.on('data', (answer: unknown) => once(null, answer));
  stream.on('error', (error: ServiceError) => once(error, undefined));
  stream.on('end', () => once(endedEarly, undefined));
  stream.write(message);
  stream.end();
  return stream;
}

const endedEarly: ServiceError = Object.assign(new Error('etcd ended the stream without an answer'), {
  code: status.UNAVAILABLE,
  details: 'etcd ended the stream without an answer',
  metadata: new Metadata(),
});
