import { every, type Cancel, type Runtime } from '../runtime/runtime.js';
import type { FailureMessage, SessionWelcome } from '../transport/public-api/messages.js';
import { jitteredMs } from './backoff.js';
import { clientTimes } from './client-limits.js';
import type { Dialler } from './dialler.js';
import type { Candidate } from './preference.js';
import { Session } from './session.js';

const samplesMax = 4;
const firstPings = 3;

export interface LinkListener {
  /** False: the node is of another cluster and must not be used. */
  accepts(link: NodeLink, welcome: SessionWelcome): boolean;
  /** After a measurement, a failure, or when the node starts or ceases to serve. */
  onChange(link: NodeLink): void;
}

/** One endpoint: keeps a session to it, opens it again when it breaks, and measures its round trip. */
export class NodeLink implements Candidate {
  readonly endpoint: string;
  readonly order: number;
  readonly #dialler: Dialler;
  readonly #runtime: Runtime;
  readonly #listener: LinkListener;
  /** Monotonic ms until which a keyspace is better asked for elsewhere. */
  readonly #avoided = new Map<string, number>();
  #session: Session | undefined;
  #welcome: SessionWelcome | undefined;
  #samplesMs: number[] = [];
  #serving = false;
  #measured = false;
  #failures = 0;
  #cancelTimers: Cancel = () => {};
  #stopped = false;
  /** How the last try to reach it ended. */
  lastFailure: { readonly reason: string; readonly failure: FailureMessage | undefined } | undefined;
  /** Rounds in a row in which it was better than the current one. */
  streak = 0;

  constructor(
    at: { readonly endpoint: string; readonly order: number },
    parts: { readonly dialler: Dialler; readonly runtime: Runtime; readonly listener: LinkListener },
  ) {
    this.endpoint = at.endpoint;
    this.order = at.order;
    this.#dialler = parts.dialler;
    this.#runtime = parts.runtime;
    this.#listener = parts.listener;
  }

  /** Defined while `usable`. */
  get session(): Session {
    return this.#session!;
  }

  get region(): string | undefined {
    return this.#welcome?.region;
  }

  get node(): string | undefined {
    return this.#welcome?.node;
  }

  get connected(): boolean {
    return this.#measured;
  }

  /** Connected, measured, and not draining. */
  get usable(): boolean {
    return this.#measured && this.#serving;
  }

  get roundTripMs(): number {
    return Math.min(...this.#samplesMs);
  }

  /** Measured, or a try has failed: more is not known soon. */
  get judged(): boolean {
    return this.#measured || this.#failures > 0;
  }

  avoid(keyspace: string): void {
    this.#avoided.set(keyspace, this.#runtime.clock.monotonicMs() + clientTimes.avoidMs);
  }

  avoids(keyspace: string): boolean {
    if (this.#avoided.size === 0) return false;
    const untilMs = this.#avoided.get(keyspace);
    if (untilMs === undefined) return false;
    if (untilMs > this.#runtime.clock.monotonicMs()) return true;
    this.#avoided.delete(keyspace);
    return false;
  }

  open(): void {
    const { timers } = this.#runtime;
    const session = new Session(this.#dialler.session(this.endpoint), this.#runtime, {
      onWelcome: (welcome) => this.#onWelcome(session, welcome),
      onClosed: (reason, failure) => this.#onClosed(reason, failure),
    });
    this.#session = session;
    this.#cancelTimers = timers.after(clientTimes.welcomeTimeoutMs, () =>
      session.close(`no welcome within ${clientTimes.welcomeTimeoutMs} ms`),
    );
  }

  stop(reason: string): void {
    this.#stopped = true;
    this.#cancelTimers();
    this.#session?.close(reason);
  }

  #onWelcome(session: Session, welcome: SessionWelcome): void {
    if (!this.#listener.accepts(this, welcome)) return session.close('the node is of another cluster');
    this.#welcome = welcome;
    this.#cancelTimers();
    void this.#measureFirst(session);
  }

  async #measureFirst(session: Session): Promise<void> {
    this.#samplesMs = [];
    while (this.#samplesMs.length < firstPings) {
      await this.#ping(session);
      if (this.#session !== session || session.closed) return;
    }
    this.#measured = true;
    this.#failures = 0;
    this.#cancelTimers = every(
      this.#runtime.timers,
      clientTimes.pingEveryMs,
      () => void this.#round(session),
    );
    this.#listener.onChange(this);
  }

  async #round(session: Session): Promise<void> {
    if (await this.#ping(session)) this.#listener.onChange(this);
  }

  /**
   * False without an answer in time. That ends the session unless the stream was full, one way or the other: a connection
   * that is dead is then found by the transport.
   */
  async #ping(session: Session): Promise<boolean> {
    const { clock } = this.#runtime;
    const sentMs = clock.monotonicMs();
    const pong = await session.ping(sentMs + clientTimes.pingTimeoutMs);
    if (pong === undefined) {
      if (!session.closed && !session.busySince(sentMs))
        session.close(`no answer to a ping within ${clientTimes.pingTimeoutMs} ms`);
      return false;
    }
    this.#samplesMs.push(clock.monotonicMs() - sentMs);
    if (this.#samplesMs.length > samplesMax) this.#samplesMs.shift();
    this.#serving = pong.serving;
    return true;
  }

  #onClosed(reason: string, failure: FailureMessage | undefined): void {
    this.#cancelTimers();
    this.#session = undefined;
    this.#measured = false;
    this.#serving = false;
    this.streak = 0;
    this.lastFailure = { reason, failure };
    const { timers, random } = this.#runtime;
    const { reconnectMsMin, reconnectMsMax } = clientTimes;
    const waitMs = reconnectMsMin + jitteredMs(random, this.#failures, reconnectMsMin, reconnectMsMax);
    this.#failures += 1;
    if (this.#stopped) return;
    this.#cancelTimers = timers.after(waitMs, () => this.open());
    this.#listener.onChange(this);
  }
}
