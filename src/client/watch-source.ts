import type { Key, KeyRange } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { every, type Cancel } from '../runtime/runtime.js';
import { decodeWatchResponse, encodeWatchRequest, MalformedMessage } from '../transport/public-api/codec.js';
import type { FailureMessage, WatchReply } from '../transport/public-api/messages.js';
import type { Calls, NextTry } from './calls.js';
import { clientTimes } from './client-limits.js';
import type { DialledStream, Dialler } from './dialler.js';
import { clientClosed, errorOfFailure } from './errors.js';
import type { NodeLink } from './node-link.js';
import type { WatchBuffer } from './watch-buffer.js';

export interface WatchParts {
  readonly calls: Calls;
  readonly dialler: Dialler;
}

export interface WatchRequest {
  readonly keyspace: string;
  readonly range: KeyRange;
  /** A GTID (exclusive), 'now' or 'oldest'. */
  readonly from: string;
  readonly signal: AbortSignal | undefined;
}

/** A node that says nothing for so long does not send any more; its heartbeats come more often. ms */
const silenceMsMax = 4 * limits.feedHeartbeatMs;

/** Fills a watch's buffer: one stream at a time, from the position that the last one reached. */
export class WatchSource {
  readonly ready: Promise<string>;
  readonly #calls: Calls;
  readonly #dialler: Dialler;
  readonly #request: WatchRequest;
  readonly #buffer: WatchBuffer;
  #cancels: Cancel[] = [];
  #position = '';
  #stream: DialledStream | undefined;
  #link: NodeLink | undefined;
  #paused = false;
  #ended = false;
  #lastMessageMs = 0;

  constructor({ calls, dialler }: WatchParts, request: WatchRequest, buffer: WatchBuffer) {
    this.#calls = calls;
    this.#dialler = dialler;
    this.#request = request;
    this.#buffer = buffer;
    this.ready = this.#begin();
    // Who does not ask for it learns of its failure from the iteration.
    this.ready.catch(() => {});
    this.#run().catch((error: unknown) => this.end(error));
  }

  end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const cancel of this.#cancels) cancel();
    this.#stream?.close('the watch has ended');
    this.#buffer.end(error);
  }

  /** Goes on reading when the buffer has room. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastMessageMs = this.#calls.runtime.clock.monotonicMs();
    this.#stream?.resume();
  }

  /** Who was shown a commit reads at or after it. */
  onTaken(gtid: string): void {
    this.#calls.causality.note(this.#request.keyspace, gtid);
  }

  async #begin(): Promise<string> {
    const { from, signal } = this.#request;
    if (signal !== undefined) this.#endWith(signal);
    const position = from === 'now' || from === 'oldest' ? await this.#snapshot() : from;
    this.#position = from === 'oldest' ? `${position.slice(0, 36)}:0` : position;
    this.#buffer.begin(this.#position);
    return this.#position;
  }

  #endWith(signal: AbortSignal): void {
    const onAbort = (): void => this.end(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#cancels.push(() => signal.removeEventListener('abort', onAbort));
  }

  /** A position of the history as it is now. What the client has seen lies before it. */
  async #snapshot(): Promise<string> {
    const { keyspace, signal } = this.#request;
    const bounds = this.#calls.bounds(clientTimes.requestTimeoutMs, signal);
    const freshness = { causal: false, token: this.#calls.causality.token(keyspace), timeoutMs: 0 };
    const keys = ['\0' as Key];
    const answer = await this.#calls.ask(
      keyspace,
      () => ({ kind: 'read', keyspace, keys, freshness }),
      bounds,
    );
    if (answer.kind !== 'read') throw new TypeError(`a read was answered with ${answer.kind}`);
    return answer.reply.gtid;
  }

  async #run(): Promise<void> {
    await this.ready;
    const { nodes, runtime } = this.#calls;
    if (this.#ended) return;
    this.#cancels.push(
      nodes.onRegionChange(() => this.#moveAlong()),
      every(runtime.timers, limits.feedHeartbeatMs, () => this.#judgeSilence()),
    );
    const bounds = { endMs: Infinity, signal: this.#request.signal };
    let not: NodeLink | undefined;
    for (let tries = 0; !this.#ended; tries++) {
      const link = await nodes.next(this.#request.keyspace, bounds, not);
      if (link === undefined || this.#ended) return;
      const before = this.#position;
      const failure = await this.#follow(link);
      if (this.#ended) return;
      if (this.#position !== before) tries = 0;
      const next = this.#judgeEnd(link, failure, tries);
      await this.#calls.pause(next.delayMs, bounds);
      not = next.not;
    }
  }

  /** Reads one stream to its end. */
  #follow(link: NodeLink): Promise<FailureMessage | undefined> {
    const { keyspace, range } = this.#request;
    const stream = this.#dialler.watch(
      link.endpoint,
      encodeWatchRequest({ keyspace, range, from: this.#position }),
    );
    this.#stream = stream;
    this.#link = link;
    this.#paused = false;
    this.#lastMessageMs = this.#calls.runtime.clock.monotonicMs();
    stream.onMessage((bytes) => this.#onMessage(stream, bytes));
    return new Promise((resolve) => {
      stream.onClose(() => {
        if (this.#stream === stream) this.#stream = undefined;
        resolve(stream.failure);
      });
    });
  }

  #onMessage(stream: DialledStream, bytes: Uint8Array): void {
    if (stream !== this.#stream || this.#ended) return;
    this.#lastMessageMs = this.#calls.runtime.clock.monotonicMs();
    let reply: WatchReply;
    try {
      reply = decodeWatchResponse(bytes);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      return this.#leave(stream, error.message);
    }
    const reached = seqnoOf(this.#position);
    const commits = reply.commits.filter(({ gtid }) => seqnoOf(gtid) > reached);
    if (seqnoOf(reply.position) > reached) this.#position = reply.position;
    this.#buffer.add({ commits, position: this.#position });
    if (!this.#buffer.full || this.#paused) return;
    this.#paused = true;
    stream.pause();
  }

  /** The stream ended, and the watch has not. Throws what no other try can better. */
  #judgeEnd(link: NodeLink, failure: FailureMessage | undefined, tries: number): NextTry {
    const { keyspace } = this.#request;
    if (this.#calls.nodes.closed) throw clientClosed();
    const outcome =
      failure === undefined
        ? ({ kind: 'lost', sent: true, reason: 'the stream ended' } as const)
        : ({ kind: 'failure', failure } as const);
    const next = this.#calls.nextTry(keyspace, { link, outcome, tries });
    if (next === undefined) throw errorOfFailure(failure!);
    return next;
  }

  /** The client has moved to another node, or back to a nearer one. */
  #moveAlong(): void {
    const stream = this.#stream;
    if (stream === undefined || this.#calls.nodes.pick(this.#request.keyspace) === this.#link) return;
    this.#leave(stream, 'the watch goes on at another node');
  }

  #judgeSilence(): void {
    const silentMs = this.#calls.runtime.clock.monotonicMs() - this.#lastMessageMs;
    if (this.#stream === undefined || this.#paused || silentMs < silenceMsMax) return;
    this.#leave(this.#stream, `nothing came for ${Math.round(silentMs)} ms`);
  }

  /** What it may still bring is not taken: the next stream brings it again. */
  #leave(stream: DialledStream, reason: string): void {
    this.#stream = undefined;
    stream.close(reason);
  }
}

function seqnoOf(gtid: string): number {
  return Number(gtid.slice(37));
}
