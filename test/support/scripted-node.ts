import type { Timers } from '../../src/runtime/runtime.js';
import type { PeerStream } from '../../src/transport/peer-transport.js';
import {
  decodeSessionRequest,
  decodeWatchRequest,
  encodeSessionResponse,
  encodeWatchResponse,
} from '../../src/transport/public-api/codec.js';
import type {
  Call,
  CommitEventMessage,
  FailureMessage,
  Method,
  ReplyResult,
  WatchMessage,
} from '../../src/transport/public-api/messages.js';
import type { Acceptor } from './loopback-dialler.js';

export const scriptedHistory = '5b0e0000-0000-4000-8000-000000000001';
export const gtidOf = (seqno: number): string => `${scriptedHistory}:${seqno}`;

/** A call as a node has received it, waiting for what the test lets it answer. */
export interface Received<M extends Method = Method> {
  readonly method: M;
  reply(result: ReplyResult): void;
  fail(code: string, more?: Partial<FailureMessage> & { readonly details?: object }): void;
}

export interface ReceivedWatch {
  readonly request: WatchMessage;
  readonly stream: PeerStream;
  readonly closed: boolean;
  send(position: string, commits?: readonly CommitEventMessage[]): void;
  end(code: string, more?: Partial<FailureMessage>): void;
}

export interface ScriptedNodeOptions {
  readonly region: string;
  readonly roundTripMs?: number;
  readonly callsMax?: number;
  readonly cluster?: string;
}

type OfKind<K extends Method['kind']> = Extract<Method, { kind: K }>;

/** A node that answers pings by itself, and everything else as the test says. */
export class ScriptedNode implements Acceptor {
  readonly calls: Received[] = [];
  readonly watches: ReceivedWatch[] = [];
  /** How many messages with calls came. */
  messages = 0;
  cancels = 0;
  serving = true;
  answersPings = true;
  welcomes = true;
  roundTripMs: number;
  serverTimeMs = 1_700_000_000_000;
  /** Answers a call at once when it returns something. */
  answer: (method: Method) => ReplyResult | undefined = () => undefined;
  readonly #streams = new Set<PeerStream>();
  readonly #timers: Timers;
  readonly #options: ScriptedNodeOptions;

  constructor(timers: Timers, options: ScriptedNodeOptions) {
    this.#timers = timers;
    this.#options = options;
    this.roundTripMs = options.roundTripMs ?? 1;
  }

  of<K extends Method['kind']>(kind: K): Received<OfKind<K>>[] {
    return this.calls.filter((call): call is Received<OfKind<K>> => call.method.kind === kind);
  }

  session(stream: PeerStream): void {
    const { region, callsMax = 1000, cluster = 'test' } = this.#options;
    const welcome = { cluster, node: region, region, serverTimeMs: this.serverTimeMs, callsMax };
    this.#streams.add(stream);
    stream.onClose(() => this.#streams.delete(stream));
    if (this.welcomes) stream.send(encodeSessionResponse({ welcome, replies: [] }));
    stream.onMessage((bytes) => this.#onMessage(stream, decodeSessionRequest(bytes).calls));
  }

  /** Sends bytes that are no message on every session. */
  garble(): void {
    for (const stream of this.#streams) stream.send(Buffer.from('no message'));
  }

  watch(stream: PeerStream, bytes: Uint8Array, end: (failure: FailureMessage) => void): void {
    let closed = false;
    stream.onClose(() => (closed = true));
    this.watches.push({
      request: decodeWatchRequest(bytes),
      stream,
      get closed() {
        return closed;
      },
      send: (position, commits = []) => void stream.send(encodeWatchResponse({ commits, position })),
      end: (code, more) => end(failureOf(code, more)),
    });
  }

  #onMessage(stream: PeerStream, calls: readonly Call[]): void {
    if (calls.some(({ method }) => method.kind !== 'ping' && method.kind !== 'cancel')) this.messages += 1;
    for (const { id, method } of calls) {
      const reply = (result: ReplyResult): void =>
        void stream.send(encodeSessionResponse({ welcome: undefined, replies: [{ id, result }] }));
      if (method.kind === 'cancel') this.cancels += 1;
      else if (method.kind === 'ping') this.#pong(reply);
      else {
        const result = this.answer(method);
        const fail: Received['fail'] = (code, more) =>
          reply({ kind: 'failure', failure: failureOf(code, more) });
        this.calls.push({ method, reply, fail });
        if (result !== undefined) reply(result);
      }
    }
  }

  #pong(reply: (result: ReplyResult) => void): void {
    if (!this.answersPings) return;
    this.#timers.after(this.roundTripMs, () =>
      reply({ kind: 'pong', reply: { serverTimeMs: this.serverTimeMs, serving: this.serving } }),
    );
  }
}

/** `not-committed` unless said otherwise. */
export function failureOf(
  code: string,
  { details = {}, ...more }: Partial<FailureMessage> & { readonly details?: object } = {},
): FailureMessage {
  return {
    code,
    message: `scripted ${code}`,
    outcome: 'not-committed',
    retry: '',
    token: '',
    detailsJson: JSON.stringify(details),
    ...more,
  };
}

export function committed(
  transactionId: string,
  seqno: number,
  results: readonly (bigint | null)[] = [null],
): ReplyResult {
  return { kind: 'transact', reply: { commit: { transactionId, gtid: gtidOf(seqno), results }, reads: [] } };
}
