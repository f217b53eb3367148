import type { Cancel, Runtime } from '../runtime/runtime.js';
import {
  decodeSessionResponse,
  encodeSessionRequest,
  MalformedMessage,
} from '../transport/public-api/codec.js';
import type {
  Call,
  FailureMessage,
  Method,
  Pong,
  ReplyResult,
  SessionWelcome,
} from '../transport/public-api/messages.js';
import { clientLimits } from './client-limits.js';
import type { DialledStream } from './dialler.js';
import { errorOf } from './errors.js';
import { estimatedBytes } from './message-size.js';

/** How long a call may take, and what may end it earlier. `endMs` is of the monotonic clock. */
export interface Bounds {
  readonly endMs: number;
  readonly signal: AbortSignal | undefined;
}

/** `sent`: the node may have taken the call, so that nothing is known of what it did. */
export type CallOutcome =
  | ReplyResult
  | { readonly kind: 'lost'; readonly sent: boolean; readonly reason: string }
  | { readonly kind: 'timeout' | 'aborted'; readonly sent: boolean }
  /** More wait already than this client lets. */
  | { readonly kind: 'full'; readonly sent: false };

export interface SessionListener {
  onWelcome(welcome: SessionWelcome): void;
  /** Before the calls in flight end as lost. */
  onClosed(reason: string, failure: FailureMessage | undefined): void;
}

interface OpenCall {
  readonly id: number;
  readonly method: Method;
  readonly bytes: number;
  readonly endMs: number;
  end: (outcome: CallOutcome) => void;
  sent: boolean;
}

/** A ping beside the calls has its own place. */
const pingPlaces = 2;

/**
 * Many calls over one stream of the public API. Calls of one turn go in one message; more than the node takes at a time
 * wait, in order; while the stream is above its mark nothing is encoded.
 */
export class Session {
  readonly #stream: DialledStream;
  readonly #runtime: Runtime;
  readonly #listener: SessionListener;
  readonly #open = new Map<number, OpenCall>();
  /** Not yet sent; their ids are not in use. From `#firstWaiting` on; those that have ended are skipped. */
  #waiting: OpenCall[] = [];
  #firstWaiting = 0;
  #waitingBytes = 0;
  #callsMax = 0;
  #lastId = 0;
  #flushDue = false;
  #blocked = false;
  #closed: string | undefined;
  #sweep: { readonly atMs: number; readonly cancel: Cancel } | undefined;
  /** Server time minus monotonic time, ms. */
  #serverOffsetMs = 0;
  /** When the last message came, and when the stream last was above its mark. Monotonic ms. */
  #heardMs = 0;
  #wasBlockedMs = 0;

  constructor(stream: DialledStream, runtime: Runtime, listener: SessionListener) {
    this.#stream = stream;
    this.#runtime = runtime;
    this.#listener = listener;
    stream.onMessage((bytes) => this.#onMessage(bytes));
    stream.onClose((reason) => this.#onClose(reason));
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Whether messages have come since then, or more waited to be sent than the stream takes: a pong may wait behind those. */
  busySince(sinceMs: number): boolean {
    return this.#blocked || Math.max(this.#heardMs, this.#wasBlockedMs) > sinceMs;
  }

  /** Calls without an outcome, the waiting ones included. */
  get callsOpen(): number {
    return this.#open.size + this.#waiting.length - this.#firstWaiting;
  }

  /** ms since the Unix epoch by the node's clock; whole. */
  serverTimeMs(): number {
    return Math.max(0, Math.floor(this.#runtime.clock.monotonicMs() + this.#serverOffsetMs));
  }

  /** Rejects with TRANSACTION_TOO_LARGE what no message could carry, which would end the session. */
  call(method: Method, { endMs, signal }: Bounds): Promise<CallOutcome> {
    if (this.#closed !== undefined)
      return Promise.resolve({ kind: 'lost', sent: false, reason: this.#closed });
    if (signal?.aborted === true) return Promise.resolve({ kind: 'aborted', sent: false });
    if (endMs <= this.#runtime.clock.monotonicMs()) return Promise.resolve({ kind: 'timeout', sent: false });
    return new Promise((resolve) => {
      const call = this.#callOf(method, endMs, resolve);
      refuseTooLarge(call.bytes);
      if (this.#isFullFor(call)) return resolve({ kind: 'full', sent: false });
      if (signal !== undefined) this.#endWith(signal, call);
      this.#waiting.push(call);
      this.#waitingBytes += call.bytes;
      this.#sweepBy(endMs);
      this.#flushSoon();
    });
  }

  #isFullFor({ bytes }: OpenCall): boolean {
    if (this.#waiting.length - this.#firstWaiting >= clientLimits.waitingCallsMax) return true;
    return this.#waitingBytes + bytes > clientLimits.waitingBytesMax;
  }

  /** Goes at once, in a message of its own, so that its round trip says something. */
  async ping(endMs: number): Promise<Pong | undefined> {
    if (this.#closed !== undefined) return undefined;
    const outcome = await new Promise<CallOutcome>((resolve) => {
      const call = this.#callOf({ kind: 'ping' }, endMs, resolve);
      this.#send([call]);
      this.#sweepBy(endMs);
    });
    return outcome.kind === 'pong' ? outcome.reply : undefined;
  }

  close(reason: string): void {
    this.#stream.close(reason);
  }

  #callOf(method: Method, endMs: number, end: OpenCall['end']): OpenCall {
    return { id: this.#nextId(), method, bytes: estimatedBytes(method), endMs, end, sent: false };
  }

  #nextId(): number {
    this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1;
    return this.#lastId;
  }

  #endWith(signal: AbortSignal, call: OpenCall): void {
    const { end } = call;
    const onAbort = (): void => this.#abandon(call, 'aborted');
    signal.addEventListener('abort', onAbort, { once: true });
    call.end = (outcome) => {
      signal.removeEventListener('abort', onAbort);
      end(outcome);
    };
  }

  #flushSoon(): void {
    if (this.#flushDue || this.#blocked) return;
    this.#flushDue = true;
    this.#runtime.timers.soon(() => {
      this.#flushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#blocked && this.#closed === undefined) {
      const calls = this.#nextCalls();
      if (calls.length === 0) return;
      if (!this.#send(calls)) this.#waitUntilDrained();
    }
  }

  /** As many waiting calls as fit into a message and the node takes. */
  #nextCalls(): OpenCall[] {
    const calls: OpenCall[] = [];
    let bytes = 0;
    while (this.#firstWaiting < this.#waiting.length) {
      if (this.#open.size + calls.length >= this.#callsMax) break;
      const call = this.#waiting[this.#firstWaiting]!;
      if (calls.length > 0 && bytes + call.bytes > clientLimits.messageBytes) break;
      bytes += call.bytes;
      calls.push(call);
      this.#firstWaiting += 1;
    }
    this.#waitingBytes -= bytes;
    if (this.#firstWaiting > 0 && this.#firstWaiting * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#firstWaiting);
      this.#firstWaiting = 0;
    }
    return calls;
  }

  /** Without a time limit on the wire: the end of a call's time is told with a Cancel, so that the node needs no timer. */
  #send(calls: readonly OpenCall[]): boolean {
    const messages: Call[] = [];
    for (const call of calls) {
      call.sent = true;
      this.#open.set(call.id, call);
      messages.push({ id: call.id, timeoutMs: 0, method: call.method });
    }
    return this.#stream.send(encodeSessionRequest({ calls: messages }));
  }

  #waitUntilDrained(): void {
    this.#blocked = true;
    void this.#stream.drained().then(() => {
      this.#blocked = false;
      this.#wasBlockedMs = this.#runtime.clock.monotonicMs();
      this.#flush();
    });
  }

  #onMessage(bytes: Uint8Array): void {
    this.#heardMs = this.#runtime.clock.monotonicMs();
    let message;
    try {
      message = decodeSessionResponse(bytes);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      return this.close(`the node sent what is no SessionResponse: ${error.message}`);
    }
    if (message.welcome !== undefined && this.#callsMax === 0) {
      this.#callsMax = Math.max(1, message.welcome.callsMax - pingPlaces);
      this.#noteServerTime(message.welcome.serverTimeMs);
      this.#listener.onWelcome(message.welcome);
      this.#flushSoon();
    }
    for (const { id, result } of message.replies) {
      const call = this.#open.get(id);
      if (call === undefined) continue;
      this.#open.delete(id);
      if (result.kind === 'pong') this.#noteServerTime(result.reply.serverTimeMs);
      call.end(result);
    }
    if (this.#firstWaiting < this.#waiting.length) this.#flushSoon();
  }

  #noteServerTime(serverTimeMs: number): void {
    this.#serverOffsetMs = serverTimeMs - this.#runtime.clock.monotonicMs();
  }

  #onClose(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#sweep?.cancel();
    this.#listener.onClosed(reason, this.#stream.failure);
    const calls = [...this.#open.values(), ...this.#waiting.slice(this.#firstWaiting)];
    this.#open.clear();
    this.#waiting = [];
    this.#firstWaiting = 0;
    this.#waitingBytes = 0;
    for (const call of calls) call.end({ kind: 'lost', sent: call.sent, reason });
  }

  /** One timer for all calls: deadlines are mostly of one length, and calls mostly end long before them. */
  #sweepBy(endMs: number): void {
    if (this.#sweep !== undefined && this.#sweep.atMs <= endMs) return;
    if (endMs === Infinity) return;
    this.#sweep?.cancel();
    const { clock, timers } = this.#runtime;
    const cancel = timers.after(endMs - clock.monotonicMs(), () => this.#endLateCalls());
    this.#sweep = { atMs: endMs, cancel };
  }

  #endLateCalls(): void {
    this.#sweep = undefined;
    const nowMs = this.#runtime.clock.monotonicMs();
    let nextMs = Infinity;
    const late: OpenCall[] = [];
    const judge = (call: OpenCall): void => {
      if (call.endMs <= nowMs) late.push(call);
      else nextMs = Math.min(nextMs, call.endMs);
    };
    for (const call of this.#open.values()) judge(call);
    for (let at = this.#firstWaiting; at < this.#waiting.length; at++) judge(this.#waiting[at]!);
    this.#sweepBy(nextMs);
    for (const call of late) this.#abandon(call, 'timeout');
  }

  #abandon(call: OpenCall, kind: 'timeout' | 'aborted'): void {
    if (call.sent) {
      if (!this.#open.delete(call.id)) return;
      const method: Method = { kind: 'cancel', id: call.id };
      this.#stream.send(encodeSessionRequest({ calls: [{ id: this.#nextId(), timeoutMs: 0, method }] }));
      if (this.#firstWaiting < this.#waiting.length) this.#flushSoon();
    } else {
      const at = this.#waiting.indexOf(call, this.#firstWaiting);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      this.#waitingBytes -= call.bytes;
    }
    call.end({ kind, sent: call.sent });
  }
}

function refuseTooLarge(size: number): void {
  const limit = clientLimits.callBytesMax;
  if (size <= limit) return;
  const message = `the call takes some ${size} bytes, ${limit} is the most`;
  throw errorOf({ code: 'TRANSACTION_TOO_LARGE', message, details: { limit, size } });
}
