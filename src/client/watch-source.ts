import type { Key, KeyRange } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { every, type Cancel } from '../runtime/runtime.js';
import { decodeWatchResponse, encodeWatchRequest, MalformedMessage } from '../transport/public-api/codec.js';
import type { FailureMessage, WatchReply } from '../transport/public-api/messages.js';
import type { Calls, NextTry } from './calls.js';
import { clientTimes } from './client-limits.js';
import type { DialledStream, Dialler } from './dialler.js';
import { ChangesTooOldError, clientClosed, errorOf, errorOfFailure, type MeridianError } from './errors.js';
import type { NodeLink } from './node-link.js';
import { nearest } from './preference.js';
import type { WatchBuffer } from './watch-buffer.js';

export interface WatchParts {
  readonly calls: Calls;
  readonly dialler: Dialler;
}

export interface WatchRequest {
  readonly keyspace: string;
  readonly range: KeyRange;
  /** A GTID (exclusive), 'now' or 'oldest': the oldest that the node keeps which is asked first. */
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
  /** Nodes that no longer keep what comes after the position. */
  readonly #tooOldAt = new Set<NodeLink>();
  #tooOld: MeridianError | undefined;
  #cancels: Cancel[] = [];
  /** 'oldest' until the first message says what that is. */
  #position = '';
  #onBegun: (position: string) => void = () => {};
  #onNeverBegun: (error: unknown) => void = () => {};
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
    this.ready = new Promise((resolve, reject) => {
      this.#onBegun = resolve;
      this.#onNeverBegun = reject;
    });
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
    this.#onNeverBegun(error ?? errorOf({ code: 'CLIENT_CLOSED', message: 'the watch was closed' }));
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

  async #begin(): Promise<void> {
    const { from, signal } = this.#request;
    if (signal !== undefined) this.#endWith(signal);
    this.#position = from === 'now' ? await this.#snapshot() : from;
    if (from !== 'oldest') this.#hasBegun();
  }

  #hasBegun(): void {
    this.#buffer.begin(this.#position);
    this.#onBegun(this.#position);
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
    await this.#begin();
    const { nodes, runtime } = this.#calls;
    if (this.#ended) return;
    this.#cancels.push(
      nodes.onRegionChange(() => this.#moveAlong()),
      every(runtime.timers, limits.feedHeartbeatMs, () => this.#judgeSilence()),
    );
    const bounds = { endMs: Infinity, signal: this.#request.signal };
    let next: NextStream = { delayMs: 0, not: undefined, link: undefined };
    for (let tries = 0; !this.#ended; tries++) {
      const link = next.link ?? (await nodes.next(this.#request.keyspace, bounds, next.not));
      if (link === undefined || this.#ended) return;
      const before = this.#position;
      const failure = await this.#follow(link);
      if (this.#ended) return;
      if (this.#position !== before) {
        tries = 0;
        this.#tooOldAt.clear();
        this.#tooOld = undefined;
      }
      next = this.#judgeEnd(link, failure, tries);
      await this.#calls.pause(next.delayMs, bounds);
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
    if (this.#position === 'oldest') {
      // The first message has no commits, but where they begin.
      this.#position = reply.position;
      this.#hasBegun();
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
  #judgeEnd(link: NodeLink, failure: FailureMessage | undefined, tries: number): NextStream {
    const { keyspace } = this.#request;
    if (this.#calls.nodes.closed) throw clientClosed();
    if (failure?.code === 'CHANGES_TOO_OLD')
      return { delayMs: 0, not: undefined, link: this.#nodeThatKeepsMore(link, failure) };
    const outcome =
      failure === undefined
        ? ({ kind: 'lost', sent: true, reason: 'the stream ended' } as const)
        : ({ kind: 'failure', failure } as const);
    const next = this.#calls.nextTry(keyspace, { link, outcome, tries });
    if (next === undefined) throw errorOfFailure(failure!);
    return { ...next, link: undefined };
  }

  /** Nodes keep differently much: the nearest that has not been asked. Throws what was said of the oldest position once all were. */
  #nodeThatKeepsMore(link: NodeLink, failure: FailureMessage): NodeLink {
    const error = errorOfFailure(failure);
    if (this.#tooOld === undefined || oldestOf(error) < oldestOf(this.#tooOld)) this.#tooOld = error;
    this.#tooOldAt.add(link);
    const others = this.#calls.nodes.links.filter((one) => one.usable && !this.#tooOldAt.has(one));
    const next = nearest(others);
    if (next === undefined) throw this.#tooOld;
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

/** The next stream, and when: at `link`, else at any node but `not`. */
interface NextStream extends NextTry {
  readonly link: NodeLink | undefined;
}

/** Of the oldest position that a node can go on from. */
function oldestOf(error: MeridianError): number {
  return error instanceof ChangesTooOldError && error.oldest !== undefined ? seqnoOf(error.oldest) : Infinity;
}

function seqnoOf(gtid: string): number {
  return Number(gtid.slice(37));
}
