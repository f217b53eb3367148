import { failure, type Failure, type Result } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import type { Cancel } from '../../runtime/runtime.js';
import type { PeerStream } from '../../transport/peer-transport.js';
import {
  decodeCalls,
  encodeSessionResponse,
  MalformedMessage,
  type MalformedCall,
} from '../../transport/public-api/codec.js';
import type { Call, Reply, ReplyResult } from '../../transport/public-api/messages.js';
import { failureMessage, malformed } from './failures.js';
import {
  abandon,
  mayBeRepetition,
  runMethod,
  timedOut,
  tooManyCalls,
  withId,
  type GrpcContext,
  type KeyspaceMethod,
} from './methods.js';
import type { RequestBytes } from './request-bytes.js';
import { replyBytes } from './replies.js';

export interface Session {
  /** Answers the calls that are open, then closes. Resolves when it is closed. */
  finish(): Promise<void>;
  /** Resolves when it is closed, whoever closed it. */
  readonly closed: Promise<void>;
}

export interface SessionOptions extends GrpcContext {
  /** Of all calls of the node. */
  readonly requestBytes: RequestBytes;
  /** Told before the session closes for a reason that is no orderly end; at most once. */
  readonly onFailure?: (failure: Failure) => void;
}

/** A call that was taken and is not answered. */
interface OpenCall {
  readonly id: number;
  readonly method: KeyspaceMethod;
  /** When the client stops waiting, on the monotonic clock; Infinity: never. */
  readonly endsAtMs: number;
  cancelTimeout: Cancel | undefined;
  /** What it holds of `requestBytes` until it has ended. */
  readonly bytes: number;
}

/** As many as may be open, and as many that cancel them. */
const callsPerMessageMax = 2 * limits.sessionCallsMax;
/** Replies of one message, about; a larger one goes alone. */
const messageBytesMax = 256 * 1024;
/** Calls that are begun in one turn: reads answer at once, so that the next turn knows what they weigh. */
const callsPerTurnMax = 128;

/**
 * Serves a stream of the public API's Session (proto/meridian/v1/meridian.proto): many calls and many replies in a
 * message, with no timers: what ends in one turn goes out in one message.
 *
 * Bounds: `limits.sessionCallsMax` calls; of these `limits.sessionPagesMax` at work on answers that may be a page
 * long; no call is begun while more than `limits.sessionRepliesBytesMax` of replies wait for the stream, and no
 * message is read then, so a client that does not read its replies stops being served.
 */
export function serveSession(stream: PeerStream, options: SessionOptions): Session {
  return new ServedSession(stream, options);
}

class ServedSession implements Session {
  readonly #stream: PeerStream;
  readonly #options: SessionOptions;
  readonly #open = new Map<number, OpenCall>();
  /** Taken and not begun. */
  #waiting: OpenCall[] = [];
  /** Begun and not ended, also those whose caller was answered because its time was over. */
  #running = 0;
  #runningPages = 0;
  #replies: Reply[] = [];
  #replyBytes = 0;
  #turnDue = false;
  #blocked = false;
  #finishing = false;
  #isClosed = false;
  readonly closed: Promise<void>;

  constructor(stream: PeerStream, options: SessionOptions) {
    this.#stream = stream;
    this.#options = options;
    const { node, runtime } = options;
    this.closed = new Promise((resolve) => {
      stream.onClose(() => {
        this.#end();
        resolve();
      });
    });
    const { cluster, node: self, region } = node;
    const serverTimeMs = runtime.clock.nowMs();
    const callsMax = limits.sessionCallsMax;
    const welcome = { cluster, node: self, region, serverTimeMs, callsMax };
    stream.send(encodeSessionResponse({ welcome, replies: [] }));
    stream.onMessage((bytes) => this.#onMessage(bytes));
  }

  finish(): Promise<void> {
    this.#finishing = true;
    this.#takeTurnSoon();
    return this.closed;
  }

  #onMessage(bytes: Uint8Array): void {
    let calls: (Call | MalformedCall)[];
    try {
      calls = decodeCalls(bytes, callsPerMessageMax);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      return this.#fail(malformed(error, 'unknown'));
    }
    // A call holds the message that it came in, as the others of it do.
    const share = Math.ceil(bytes.length / calls.length);
    for (const call of calls) {
      if (this.#isClosed) return;
      this.#onCall(call, share);
    }
    this.#beginWaiting();
    if (this.#waiting.length > 0) this.#takeTurnSoon();
  }

  #onCall({ id, method, ...rest }: Call | MalformedCall, bytes: number): void {
    if (!(method instanceof MalformedMessage)) {
      if (method.kind === 'cancel') return this.#expire(method.id);
      if (method.kind === 'ping') {
        const serverTimeMs = this.#options.runtime.clock.nowMs();
        return this.#reply(id, {
          kind: 'pong',
          reply: { serverTimeMs, serving: !this.#options.node.draining },
        });
      }
    }
    // An answer could not say which of the two calls it is for.
    if (this.#open.has(id)) {
      const message = `call ${id} is open, and came again`;
      return this.#fail(
        failure('INVALID_ARGUMENT', message, { outcome: 'unknown', details: { field: 'calls.id' } }),
      );
    }
    if (method instanceof MalformedMessage) return this.#replyFailure(id, malformed(method, 'unknown'));
    if (this.#running + this.#waiting.length >= limits.sessionCallsMax) {
      const what = `${limits.sessionCallsMax} calls of the session are open`;
      return this.#replyFailure(id, tooManyCalls(method, what));
    }
    const { requestBytes } = this.#options;
    if (!requestBytes.take(bytes)) return this.#replyFailure(id, tooManyCalls(method, requestBytes.full));
    this.#take({ id, bytes }, 'timeoutMs' in rest ? rest.timeoutMs : 0, method);
  }

  #take({ id, bytes }: Pick<OpenCall, 'id' | 'bytes'>, timeoutMs: number, method: KeyspaceMethod): void {
    const { clock, timers } = this.#options.runtime;
    const hasEnd = timeoutMs > 0;
    const call: OpenCall = {
      id,
      bytes,
      method: hasEnd ? withId(this.#options, method) : method,
      endsAtMs: hasEnd ? clock.monotonicMs() + timeoutMs : Infinity,
      cancelTimeout: hasEnd ? timers.after(timeoutMs, () => this.#expire(id)) : undefined,
    };
    this.#open.set(id, call);
    this.#waiting.push(call);
  }

  /** The caller waits no longer: it is told what is known. What runs goes on; its result is nobody's. */
  #expire(id: number): void {
    const call = this.#open.get(id);
    if (call === undefined) return;
    const at = this.#waiting.indexOf(call);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      this.#options.requestBytes.give(call.bytes);
    }
    const told = timedOut(call.method);
    const neverBegun = at >= 0 && told.outcome === 'unknown' && !mayBeRepetition(call.method);
    this.#close(call, { kind: 'failure', failure: failureMessage(neverBegun ? notBegun(told) : told) });
  }

  /** Begins what waits, as far as the bounds allow. */
  #beginWaiting(): void {
    let left = callsPerTurnMax;
    const held: OpenCall[] = [];
    let next = 0;
    while (next < this.#waiting.length && left > 0 && this.#mayBegin()) {
      const call = this.#waiting[next]!;
      next += 1;
      if (mayBeAPage(call.method) && this.#runningPages >= limits.sessionPagesMax) held.push(call);
      else {
        left -= 1;
        this.#begin(call);
      }
    }
    if (next > 0) this.#waiting = [...held, ...this.#waiting.slice(next)];
  }

  #mayBegin(): boolean {
    return !this.#blocked && !this.#isClosed && this.#replyBytes <= limits.sessionRepliesBytesMax;
  }

  #begin(call: OpenCall): void {
    const isPage = mayBeAPage(call.method);
    this.#running += 1;
    if (isPage) this.#runningPages += 1;
    const leftMs = call.endsAtMs - this.#options.runtime.clock.monotonicMs();
    void runMethod(this.#options, call.method, leftMs).then((result) => {
      this.#running -= 1;
      this.#options.requestBytes.give(call.bytes);
      if (isPage) this.#runningPages -= 1;
      this.#onResult(call, result);
    });
  }

  #onResult(call: OpenCall, result: Result<ReplyResult>): void {
    if (this.#open.get(call.id) === call) {
      this.#close(
        call,
        result.ok ? result.value : { kind: 'failure', failure: failureMessage(result.failure) },
      );
    } else {
      abandon(this.#options, call.method, result);
      this.#takeTurnSoon();
    }
  }

  #close(call: OpenCall, result: ReplyResult): void {
    call.cancelTimeout?.();
    this.#open.delete(call.id);
    this.#reply(call.id, result);
  }

  #replyFailure(id: number, failed: Failure): void {
    this.#reply(id, { kind: 'failure', failure: failureMessage(failed) });
  }

  #reply(id: number, result: ReplyResult): void {
    if (this.#isClosed) return;
    this.#replies.push({ id, result });
    this.#replyBytes += replyBytes(result);
    this.#takeTurnSoon();
  }

  #takeTurnSoon(): void {
    if (this.#turnDue || this.#isClosed) return;
    this.#turnDue = true;
    this.#options.runtime.timers.soon(() => {
      this.#turnDue = false;
      this.#takeTurn();
    });
  }

  #takeTurn(): void {
    if (this.#isClosed) return;
    this.#flush();
    this.#beginWaiting();
    const canGoOn = this.#waiting.some((call) => !mayBeAPage(call.method));
    if (canGoOn && this.#mayBegin()) this.#takeTurnSoon();
    if (this.#finishing && this.#open.size === 0 && this.#replies.length === 0)
      this.#stream.close('finished');
  }

  /** Sends replies until the stream has enough; then reading stops until it has written them. */
  #flush(): void {
    let sent = 0;
    while (sent < this.#replies.length && !this.#blocked) {
      const from = sent;
      let bytes = 0;
      for (; sent < this.#replies.length; sent += 1) {
        const next = replyBytes(this.#replies[sent]!.result);
        if (sent > from && bytes + next > messageBytesMax) break;
        bytes += next;
      }
      this.#replyBytes -= bytes;
      const message = encodeSessionResponse({ welcome: undefined, replies: this.#replies.slice(from, sent) });
      if (!this.#stream.send(message)) this.#block();
    }
    this.#replies = sent === this.#replies.length ? [] : this.#replies.slice(sent);
  }

  #block(): void {
    this.#blocked = true;
    this.#stream.pause();
    void this.#stream.drained().then(() => {
      this.#blocked = false;
      if (this.#isClosed) return;
      this.#stream.resume();
      this.#takeTurnSoon();
    });
  }

  #fail(failed: Failure): void {
    this.#options.onFailure?.(failed);
    this.#stream.close(failed.message);
  }

  /** Nobody is left to answer: waits end, what was sent to the sequencer goes on. */
  #end(): void {
    this.#isClosed = true;
    for (const call of this.#open.values()) call.cancelTimeout?.();
    this.#open.clear();
    for (const call of this.#waiting) this.#options.requestBytes.give(call.bytes);
    this.#waiting = [];
    this.#replies = [];
    this.#replyBytes = 0;
  }
}

/** Calls whose answers may be a page long. */
function mayBeAPage(method: KeyspaceMethod): boolean {
  switch (method.kind) {
    case 'list':
      return true;
    case 'read':
      return method.keys.length > 1;
    case 'transact':
    case 'operate':
      return method.reads.length > 1 || method.reads[0]?.kind === 'range';
    default:
      return false;
  }
}

/** Nothing of the call has happened. */
function notBegun(told: Failure): Failure {
  return failure('OVERLOADED', 'the time of the call was over before it was begun', {
    details: { ...told.details, retryAfterMs: 1000 },
  });
}
