import type { CertificationIndex } from '../certification/certification-index.js';
import { nonceBytes } from '../model/entry.js';
import { fail, type Result } from '../model/errors.js';
import { logPosition, type KeyspaceName, type NodeId } from '../model/ids.js';
import type { Retention } from '../model/retention.js';
import type { Fence, OrderedLog } from '../ordering/ordered-log.js';
import { delay, every, type Cancel } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { CertifyFromNode, CertifyHello, Submission } from '../transport/messages.js';
import type { PeerTransport } from '../transport/peer-transport.js';
import { barrierAfter } from './barrier.js';
import type { LogTip } from './batch.js';
import type { Candidacy } from './candidacy.js';
import { CertifyStreams, type CertifyPeer } from './certify-streams.js';
import { ClockGuard } from './clock-guard.js';
import { disagreement } from './history-guard.js';
import type { Mark } from './mark.js';
import { heartbeatOf, welcomeOf } from './messages-to-nodes.js';
import { missingPeers, type ComparisonPorts } from './missing-peers.js';
import { parseSubmission } from './request.js';
import { SharedLogRoom } from './shared-log-room.js';
import { refuse, Term } from './term.js';

export interface SequencerPorts extends ComparisonPorts {
  readonly keyspace: KeyspaceName;
  readonly self: NodeId;
  readonly log: OrderedLog;
  /** This node's store, which holds the whole log whenever the role is taken. */
  readonly store: KeyspaceStore;
  readonly transport: PeerTransport;
  /** An index of the commits that the store's entries still show, the caller's own from then on. */
  readonly warmIndex: () => Promise<CertificationIndex>;
  /** Why this node's clock is too far from those of the peers that it reaches, or undefined. */
  readonly obstacle: () => string | undefined;
  /** What the id floor follows; the entries are the concern of each node. */
  readonly retention: Retention;
  /** Undefined at a fixed home: the role can be nobody else's, and only this node's store is the log. */
  readonly candidacy?: Candidacy | undefined;
}

export type SequencerState =
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'serving' }
  /** For good: histories or states differ, and an operator must decide. */
  | { readonly kind: 'halted'; readonly why: string };

const compareEveryMs = 50;
const retryLeadMs = 500;
/** Of a candidate, which waits for its turn elsewhere. */
const standAgainMs = 100;
/** Who has handed the role over leaves it to the others for so long. */
const afterHandoverMs = 3000;
const heartbeatMs = 500;
/** A candidate whose clock is behind log time by so little waits until it is not. */
const clockWaitMsMax = 500;

/** The role that certifies, orders and appends a keyspace's transactions: at its home, or at the candidate that won. */
export class Sequencer {
  readonly #ports: SequencerPorts;
  readonly #streams: CertifyStreams;
  readonly #heartbeats: Cancel;
  readonly #clock: ClockGuard;
  #state: SequencerState = { kind: 'waiting', why: 'starting' };
  #term: Term | undefined;
  #room: SharedLogRoom | undefined;
  #stopped = false;
  /** Frees the role of a term that has not begun yet, and will not. */
  #dropBeginning: (why: string) => void = () => {};
  #cancelRetry: Cancel = () => {};
  /** What is under way; `stop` waits for it. */
  readonly #running = new Set<Promise<void>>();

  constructor(ports: SequencerPorts) {
    this.#ports = ports;
    this.#clock = new ClockGuard(ports.runtime.clock, ports.obstacle);
    this.#streams = new CertifyStreams(ports.transport, ports.runtime, {
      welcome: () => welcomeOf(ports),
      onHello: (hello, peer) => {
        this.#compare(hello, peer);
        peer.send(this.#heartbeat());
      },
      onMessage: (message, peer) => this.#onMessage(message, peer),
    });
    this.#heartbeats = every(ports.runtime.timers, heartbeatMs, () => {
      this.#streams.broadcast(this.#heartbeat());
      this.#room?.look();
    });
  }

  get state(): SequencerState {
    return this.#state;
  }

  /** Takes the role as soon as it may. Never rejects for what can be waited for. */
  start(): void {
    if (this.#ports.candidacy === undefined) this.#streams.dial(this.#ports.nodes);
    this.#run(this.#takeRole());
  }

  /** Takes no more; what is being appended is finished and answered, and a role that others can take is given up. */
  async stop(): Promise<void> {
    const why = 'the sequencer stops';
    this.#stopped = true;
    this.#heartbeats();
    this.#cancelRetry();
    const term = this.#term;
    this.#term = undefined;
    if (this.#isFixed) this.#setState({ kind: 'waiting', why });
    else this.#state = { kind: 'waiting', why };
    term?.end(why, this.#isFixed ? 'refused' : 'left');
    await term?.idle();
    if (term !== undefined) await this.#leave(term, why);
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#cancelRetry();
    this.#streams.hangUp(why);
  }

  /** A role that others can take is left to them in order: what is in flight is finished, what waits is theirs. */
  handOver(why: string): void {
    const term = this.#term;
    if (this.#isFixed || term === undefined || this.#state.kind !== 'serving') return;
    this.#ports.runtime.logger.info({ why }, 'the role is handed over');
    this.#state = { kind: 'waiting', why };
    term.end(why, 'left');
    this.#run(
      term.idle().then(async () => {
        if (this.#term !== term) return;
        await this.#leave(term, why);
        this.#takeRoleAfter(afterHandoverMs);
      }),
    );
  }

  /** As when the role is lost: what is in flight here does not end, and is decided elsewhere. Not at a fixed home. */
  giveUp(why: string): void {
    if (this.#isFixed || this.#state.kind === 'halted') return;
    if (this.#term !== undefined) this.#lose(this.#term, why);
    else this.#dropBeginning(why);
  }

  /** For good: what is being appended is finished, and nothing after it. */
  halt(why: string): void {
    if (this.#state.kind === 'halted') return;
    this.#ports.runtime.logger.error({ why }, 'the nodes differ: nobody may write');
    this.#setState({ kind: 'halted', why });
    this.#term?.end(why, 'refused');
  }

  /**
   * Puts a mark into the log, between two batches; resolves when it is durable. Who asks while one waits shares that.
   * SEQUENCER_UNAVAILABLE when this node does not sequence, or no longer; the mark may then be in the log all the same.
   */
  mark(): Promise<Result<Mark>> {
    if (this.#state.kind === 'serving' && this.#term !== undefined) return this.#term.mark();
    return Promise.resolve(fail('SEQUENCER_UNAVAILABLE', `no mark was put into the log: ${this.#whyNot()}`));
  }

  /** Another sequencer was heard of. Who has halted asks the log, which tells a role that was lost, and follows then. */
  onOther(): void {
    if (!this.#isFixed && this.#state.kind === 'halted') this.#ports.log.tail().catch(() => undefined);
  }

  get #isFixed(): boolean {
    return this.#ports.candidacy === undefined;
  }

  #run(task: Promise<void>): void {
    const { logger } = this.#ports.runtime;
    const done = task
      .catch((error: unknown) => logger.error({ error }, 'a task of the sequencer failed'))
      .finally(() => this.#running.delete(done));
    this.#running.add(done);
  }

  #takeRoleAfter(delayMs: number): void {
    this.#cancelRetry = this.#ports.runtime.timers.after(delayMs, () => this.#run(this.#takeRole()));
  }

  async #takeRole(): Promise<void> {
    const { runtime } = this.#ports;
    while (!this.#stopped && this.#state.kind === 'waiting') {
      const why = await this.#tryToLead().catch(
        (error: unknown) => `the role cannot be taken: ${String(error)}`,
      );
      if (why === undefined) return;
      if (this.#state.kind === 'waiting' && this.#state.why !== why) {
        if (this.#isFixed) runtime.logger.warn({ why }, 'not sequencing');
        else runtime.logger.info({ why }, 'not sequencing');
        this.#setState({ kind: 'waiting', why });
      }
      await delay(runtime.timers, this.#isFixed ? retryLeadMs : standAgainMs);
    }
  }

  /** Undefined when it now serves, else what is in the way. */
  async #tryToLead(): Promise<string | undefined> {
    const { log, store, runtime, candidacy } = this.#ports;
    const inTheWay =
      (await (candidacy?.mayStand() ?? this.#compareWithPeers())) ??
      this.#clock.whyNotLead(store.head.logTimeMs);
    if (inTheWay !== undefined) return inTheWay;
    if (this.#stopped) return 'stopped before taking the role';
    const nonce = Buffer.from(runtime.random.bytes(nonceBytes));
    const role: { lost: string | undefined; term: Term | undefined } = { lost: undefined, term: undefined };
    const onLost = (why: string): void => {
      role.lost ??= why;
      if (role.term !== undefined) this.#lose(role.term, why);
    };
    const led = await log.lead(nonce, onLost, await candidacy?.gone());
    if ('notNow' in led) return led.notNow;
    this.#dropBeginning = (why) => {
      if (role.lost !== undefined) return;
      role.lost = why;
      this.#run(log.resign(led.fence));
    };
    const begun = await this.#begin(led.fence, nonce).catch(
      (error: unknown) => `the term cannot begin: ${String(error)}`,
    );
    this.#dropBeginning = () => {};
    if (typeof begun !== 'string' && role.lost === undefined) {
      role.term = begun;
      this.#serve(begun);
      return undefined;
    }
    const why = typeof begun === 'string' ? begun : role.lost;
    this.#room = undefined;
    await log.resign(led.fence);
    candidacy?.follow(why!);
    return why;
  }

  /** The term whose barrier is durable and applied, or what is in the way. */
  async #begin(fence: Fence, nonce: Buffer): Promise<Term | string> {
    const { log, store, runtime, self, candidacy, warmIndex } = this.#ports;
    const inTheWay = await candidacy?.takeOver();
    if (inTheWay !== undefined) return inTheWay;
    const index = await warmIndex();
    const { head } = store;
    if (!this.#isFixed) await this.#awaitLogTime(head.logTimeMs);
    // It may have jumped while the index was warmed, and a log time never goes back.
    const clockProblem = this.#clock.whyNotLead(head.logTimeMs);
    if (clockProblem !== undefined) return clockProblem;
    const before: LogTip = { ...head, nonce };
    const logTimeMs = Math.max(head.logTimeMs, runtime.clock.nowMs());
    const { entry, tip } = barrierAfter(before, logTimeMs, self);
    if (this.#mustNotBegin()) return 'stopped while taking the role';
    if ((await log.append(fence, logPosition(tip.position), entry)) === 'deposed')
      return 'deposed at the barrier';
    if (store.head.position < tip.position) await store.apply([entry]);
    if (this.#mustNotBegin()) return 'stopped while taking the role';
    const { retention } = this.#ports;
    const { logger } = runtime;
    const room =
      candidacy === undefined
        ? undefined
        : new SharedLogRoom({ log, store, held: candidacy, retention, logger }, fence);
    this.#room = room;
    const term = new Term(
      {
        ...this.#ports,
        clockProblem: () => this.#clock.whyNotGoOn(),
        logFull: () => room?.full,
        onBroken: (why) => this.#lose(term, why),
      },
      { fence, tip, index },
    );
    logger.info({ epoch: tip.epoch, position: tip.position }, 'sequencing');
    return term;
  }

  /** The clocks of two sequencers are never quite the same. */
  async #awaitLogTime(logTimeMs: number): Promise<void> {
    const { clock, timers } = this.#ports.runtime;
    const behindMs = logTimeMs - clock.nowMs();
    if (behindMs > 0 && behindMs <= clockWaitMsMax) await delay(timers, behindMs);
  }

  #mustNotBegin(): boolean {
    return this.#stopped || this.#state.kind === 'halted';
  }

  #serve(term: Term): void {
    this.#term = term;
    this.#setState({ kind: 'serving' });
    if (!this.#isFixed) this.#streams.dial(this.#ports.nodes);
  }

  async #compareWithPeers(): Promise<string | undefined> {
    const missing = await missingPeers(
      this.#ports,
      () => this.#streams.hellos(),
      () => this.#mustNotBegin(),
    );
    return this.#state.kind === 'halted' ? this.#state.why : missing;
  }

  #compare(hello: CertifyHello, peer: CertifyPeer): void {
    const why = disagreement(peer.node, hello, this.#ports.store);
    if (why === undefined) return;
    if (this.#isFixed) this.halt(why);
    else this.#run(this.#compareWithLog(hello, peer));
  }

  /** Who is ahead of this node may have read the log, and this node be deposed: only who is ahead of the log is in the wrong. */
  async #compareWithLog(hello: CertifyHello, peer: CertifyPeer): Promise<void> {
    const { log, store, runtime } = this.#ports;
    const term = this.#term;
    const tail = await log.tail().catch(() => undefined);
    const isBehind = (): boolean => tail === undefined || store.head.position < tail.position;
    // What this term has just appended is applied in a moment.
    for (let waits = 0; waits < 20 && isBehind() && this.#term === term; waits++)
      await delay(runtime.timers, compareEveryMs);
    if (term === undefined || this.#term !== term) return;
    if (isBehind()) return this.#lose(term, 'the log was not read to its tail');
    const why = disagreement(peer.node, hello, store);
    if (why !== undefined) this.halt(why);
  }

  #setState(state: SequencerState): void {
    this.#state = state;
    this.#streams.broadcast(this.#heartbeat());
  }

  #whyNot(): string {
    return this.#state.kind === 'serving' ? '' : this.#state.why;
  }

  #onMessage(message: Exclude<CertifyFromNode, CertifyHello>, peer: CertifyPeer): void {
    if (message.type === 'tail') return this.#answerTail(message.request, peer);
    for (const submission of message.submissions) this.#take(submission, peer);
  }

  #take(submission: Submission, peer: CertifyPeer): void {
    if (this.#term !== undefined) return this.#term.enqueue(submission, peer);
    if (this.#isFixed)
      refuse({ request: parseSubmission(submission), peer }, 'SEQUENCER_UNAVAILABLE', this.#whyNot());
  }

  /** The outcome of what was in flight is unknown here: nothing is said of it, and its nodes ask the successor. */
  #lose(term: Term, why: string): void {
    if (this.#term !== term || this.#stopped) return;
    if (this.#state.kind === 'halted') {
      if (this.#isFixed) return;
      // What is in flight would be applied beside what this node then follows.
      term.abandon(why);
      return this.#run(this.#leave(term, why));
    }
    if (this.#isFixed) {
      this.#term = undefined;
      term.end(why, 'refused');
      this.#setState({ kind: 'waiting', why });
      // What failed may fail again with what is submitted again, and every term costs an entry.
      return this.#takeRoleAfter(retryLeadMs);
    }
    this.#ports.runtime.logger.warn({ why }, 'the role is lost');
    term.abandon(why);
    this.#setState({ kind: 'waiting', why });
    this.#streams.hangUp(why);
    this.#run(this.#leave(term, why).then(() => this.#takeRoleAfter(retryLeadMs)));
  }

  /** From here on another may lead, and this node follows. Nodes hear of it when the role is free: who asks first gets it. */
  async #leave(term: Term, why: string): Promise<void> {
    this.#term = undefined;
    this.#room = undefined;
    await this.#ports.log.resign(term.fence);
    if (!this.#isFixed) this.#streams.hangUp(why);
    await term.applied();
    if (!this.#stopped) this.#ports.candidacy?.follow(why);
  }

  /** Only who leads may answer for the log; the log is read after the request has come. */
  #answerTail(request: number, peer: CertifyPeer): void {
    const refusal = { type: 'tail', request, position: 0, seqno: 0, refused: true } as const;
    const term = this.#state.kind === 'serving' ? this.#term : undefined;
    if (term === undefined) return peer.send(refusal);
    const held = this.#ports.store.head.position;
    this.#ports.log.tail().then(
      ({ position, seqno: at }) => {
        // An etcd that was set back may name this node its leader still: what is missing there was acknowledged.
        if (position < held) this.#lose(term, `the log was set back: it ends at position ${position}`);
        const stillLeads = this.#state.kind === 'serving' && this.#term === term;
        peer.send(stillLeads ? { type: 'tail', request, position, seqno: at, refused: false } : refusal);
      },
      () => peer.send(refusal),
    );
  }

  #heartbeat() {
    const wallMs = this.#ports.runtime.clock.nowMs();
    return heartbeatOf(this.#ports.store.head, wallMs, this.#state.kind === 'serving', this.#whyNot());
  }
}
