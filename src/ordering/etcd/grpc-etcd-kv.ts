import type { Runtime } from '../../runtime/runtime.js';
import { EtcdCalls, type EtcdMethod } from './etcd-calls.js';
import { EtcdChannels, type EtcdTls } from './etcd-channel.js';
import {
  EtcdError,
  type EtcdKeyValue,
  type EtcdKv,
  type EtcdLease,
  type EtcdRange,
  type EtcdTxn,
  type EtcdTxnAnswer,
} from './etcd-kv.js';
import {
  exact,
  keyValues,
  rangeMessage,
  txnAnswer,
  txnMessage,
  type RangeAnswerMessage,
  type TxnAnswerMessage,
} from './etcd-messages.js';
import { isAuthOff, isLeaseNotFound, isTokenRefused, problemOf } from './etcd-refusals.js';

export interface GrpcEtcdKvOptions {
  /** `http://host:port` or `https://host:port`, in the order of preference; at least one. */
  readonly endpoints: readonly string[];
  /** For `https`; undefined: the authorities that Node.js trusts. */
  readonly tls: EtcdTls | undefined;
  readonly user: { readonly name: string; readonly password: string } | undefined;
  readonly runtime: Runtime;
}

const deadlinesMs: Readonly<Record<EtcdMethod, number>> = {
  range: 2000,
  txn: 2000,
  compact: 5000,
  grant: 2000,
  revoke: 1000,
  // Short enough that another endpoint is asked before a lease of 2 s has run out.
  keepAlive: 700,
  // etcd hashes the password at a cost of its own.
  authenticate: 3000,
};

const secondMs = 1000;

/** A thin client of etcd's v3 API. Connects with the first call. Throws when an endpoint is malformed. */
export function createGrpcEtcdKv(options: GrpcEtcdKvOptions): EtcdKv {
  return new GrpcEtcdKv(options);
}

class GrpcEtcdKv implements EtcdKv {
  readonly #calls: EtcdCalls;
  readonly #user: GrpcEtcdKvOptions['user'];
  /** What all calls wait for who need a token; undefined: the next one asks for it. Of an etcd without users: no token. */
  #token: Promise<string | undefined> | undefined;

  constructor({ endpoints, tls, user, runtime }: GrpcEtcdKvOptions) {
    this.#calls = new EtcdCalls(new EtcdChannels(endpoints, tls), runtime);
    this.#user = user;
  }

  async txn(txn: EtcdTxn): Promise<EtcdTxnAnswer> {
    return txnAnswer((await this.#call('txn', txnMessage(txn))) as TxnAnswerMessage);
  }

  async range(range: EtcdRange): Promise<readonly EtcdKeyValue[]> {
    return keyValues((await this.#call('range', rangeMessage(range))) as RangeAnswerMessage);
  }

  async grantLease(ttlMs: number): Promise<EtcdLease> {
    const asked = { TTL: Math.ceil(ttlMs / secondMs) };
    const { ID: id, TTL: ttl } = (await this.#call('grant', asked)) as { ID: string; TTL: string };
    return { id, ttlMs: exact(ttl) * secondMs };
  }

  async keepAlive(lease: string): Promise<number> {
    const { TTL: ttl } = (await this.#call('keepAlive', { ID: lease })) as { TTL: string };
    return Math.max(0, exact(ttl) * secondMs);
  }

  async revokeLease(lease: string): Promise<void> {
    await this.#call('revoke', { ID: lease }).catch((error: unknown) => {
      if (!(error instanceof EtcdError && isLeaseNotFound(error))) throw error;
    });
  }

  async compact(revision: number): Promise<void> {
    await this.#call('compact', { revision }).catch((error: unknown) => {
      if (!(error instanceof EtcdError && error.problem === 'compacted')) throw error;
    });
  }

  close(): void {
    this.#calls.close();
  }

  /** Sends once, or, when etcd refused the token before it looked at the request, once more with a fresh one. */
  async #call(method: EtcdMethod, message: object): Promise<unknown> {
    const request = { method, message, deadlineMs: deadlinesMs[method] };
    const asked = this.#authenticated();
    const first = await this.#calls.send(request, await asked);
    if ('answer' in first) return first.answer;
    const isRefused = isTokenRefused(first.error);
    // An etcd that was set back does not refuse a token of its later self: it waits until it has come as far.
    if ((isRefused || first.by === 'deadline') && this.#token === asked) this.#token = undefined;
    if (this.#user === undefined || !isRefused) throw problemOf(first.error, first.by);
    const second = await this.#calls.send(request, await this.#authenticated());
    if ('answer' in second) return second.answer;
    throw problemOf(second.error, second.by);
  }

  #authenticated(): Promise<string | undefined> | undefined {
    if (this.#user === undefined || this.#token !== undefined) return this.#token;
    const asked = this.#authenticate(this.#user);
    this.#token = asked;
    asked.catch(() => {
      if (this.#token === asked) this.#token = undefined;
    });
    return asked;
  }

  async #authenticate(user: {
    readonly name: string;
    readonly password: string;
  }): Promise<string | undefined> {
    const request = { method: 'authenticate', message: user, deadlineMs: deadlinesMs.authenticate } as const;
    const sent = await this.#calls.send(request, undefined);
    if ('answer' in sent) return (sent.answer as { token: string }).token;
    if (isAuthOff(sent.error)) return undefined;
    throw problemOf(sent.error, sent.by);
  }
}
