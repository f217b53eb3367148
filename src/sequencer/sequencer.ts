import type { CertificationIndex } from '../certification/certification-index.js';
import { nonceBytes } from '../model/entry.js';
import { fail, succeed, type Result } from '../model/errors.js';
import { logPosition, type KeyspaceName, type NodeId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { Retention } from '../model/retention.js';
import { mintTransactionId } from '../model/transaction-id.js';
import type { Fence, OrderedLog } from '../ordering/ordered-log.js';
import { delay, every, type Cancel, type Runtime } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { Submission, Verdict } from '../transport/messages.js';
import type { PeerTransport } from '../transport/peer-transport.js';
import { barrierAfter } from './barrier.js';
import { buildBatch, type Answer, type LogTip } from './batch.js';
import { CertifyStreams, type CertifyPeer } from './certify-streams.js';
import { ClockGuard } from './clock-guard.js';
import { disagreement } from './history-guard.js';
import { markAfter, type Mark } from './mark.js';
import { heartbeatOf, verdictOf, welcomeOf } from './messages-to-nodes.js';
import { outcomeRoom } from './outcome-room.js';
import { parseSubmission, requestBytes, type SequencerRequest } from './request.js';

export interface SequencerPorts {
  readonly keyspace: KeyspaceName;
  readonly self: NodeId;
  /** Every node of the keyspace, this one included. */
  readonly nodes: readonly NodeId[];
  readonly log: OrderedLog;
  /** This node's store, which has applied the whole log whenever an append resolves. */
  readonly store: KeyspaceStore;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
  /** A fresh index of the commits that the store's entries still show. */
  readonly warmIndex: () => Promise<CertificationIndex>;
  /** Which peers are compared with before the first append. */
  readonly compare: 'reachable' | 'all';
  /** Why this node's clock is too far from those of the peers that it reaches, or undefined. */
  readonly obstacle: () => string | undefined;
  /** Whether a node's clock has been compared with this one's. */
  readonly clockCompared: (node: NodeId) => boolean;
  /** What the id floor follows; the entries are the concern of each node. */
  readonly retention: Retention;
}

export type SequencerState =
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'serving' }
  /** For good: histories or states differ, and an operator must decide. */
  | { readonly kind: 'halted'; readonly why: string };

interface Waiting {
  readonly request: SequencerRequest;
  readonly peer: CertifyPeer;
}

const compareMs = 5000;
const compareEveryMs = 50;
const retryLeadMs = 500;
const heartbeatMs = 500;
/** Each may name a key of `limits.keyBytesMax`; a message stays far below `limits.peerMessageBytesMax`. */
const verdictsPerMessageMax = 1000;

/** The role that certifies, orders and appends a keyspace's transactions; runs at its home. */
export class Sequencer {
  readonly #ports: SequencerPorts;
  readonly #streams: CertifyStreams;
  readonly #heartbeats: Cancel;
  readonly #clock: ClockGuard;
  #state: SequencerState = { kind: 'waiting', why: 'starting' };
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #appending = false;
  #pumpIsDue = false;
  /** Of those who wait for the mark that comes next. */
  #marking: readonly ((marked: Result<Mark>) => void)[] = [];
  #term: { tip: LogTip; readonly fence: Fence; readonly index: CertificationIndex } | undefined;
  #stopped = false;
  /** What is under way; `stop` waits for it. */
  readonly #running = new Set<Promise<void>>();

  constructor(ports: SequencerPorts) {
    this.#ports = ports;
    this.#clock = new ClockGuard(ports.runtime.clock, ports.obstacle);
    this.#streams = new CertifyStreams(ports.transport, ports.runtime, {
      welcome: () => this.#welcome(),
      onHello: (hello, peer) => {
        const why = disagreement(peer.node, hello, this.#ports.store);
        if (why !== undefined) this.halt(why);
        peer.send(this.#heartbeat());
      },
      onMessage: (message, peer) => {
        if (message.type === 'tail') this.#answerTail(message.request, peer);
        else for (const submission of message.submissions) this.#enqueue(submission, peer);
      },
    });
    this.#heartbeats = every(ports.runtime.timers, heartbeatMs, () =>
      this.#streams.broadcast(this.#heartbeat()),
    );
  }

  get state(): SequencerState {
    return this.#state;
  }

  /** Dials the nodes and takes the role as soon as it may. Never rejects for what can be waited for. */
  start(): void {
    this.#streams.dial(this.#ports.nodes);
    this.#run(this.#takeOver());
  }

  /** Takes no more; what is being appended is finished and answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#heartbeats();
    this.#setState({ kind: 'waiting', why: 'the sequencer stops' });
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#streams.stop('the sequencer stops');
  }

  #run(task: Promise<void>): void {
    this.#running.add(task);
    void task.finally(() => this.#running.delete(task));
  }

  async #takeOver(): Promise<void> {
    const { runtime } = this.#ports;
    while (!this.#stopped && this.#state.kind === 'waiting') {
      const why = await this.#tryToLead().catch(
        (error: unknown) => `the role cannot be taken: ${String(error)}`,
      );
      if (why === undefined) return;
      if (this.#state.kind === 'waiting' && this.#state.why !== why) {
        runtime.logger.warn({ why }, 'not sequencing');
        this.#setState({ kind: 'waiting', why });
      }
      await delay(runtime.timers, retryLeadMs);
    }
  }

  /** Undefined when it now serves, else what is in the way. */
  async #tryToLead(): Promise<string | undefined> {
    const { log, store, runtime, warmIndex } = this.#ports;
    const inTheWay = (await this.#compareWithPeers()) ?? this.#clock.whyNotLead(store.head.logTimeMs);
    if (inTheWay !== undefined) return inTheWay;
    if (this.#stopped) return 'stopped before taking the role';
    const nonce = Buffer.from(runtime.random.bytes(nonceBytes));
    const led = await log.lead(nonce);
    if ('notNow' in led) return led.notNow;
    const index = await warmIndex();
    const { head } = store;
    // It may have jumped while the index was warmed, and a log time never goes back.
    const clockProblem = this.#clock.whyNotLead(head.logTimeMs);
    if (clockProblem !== undefined) return clockProblem;
    const before: LogTip = { ...head, nonce };
    const { entry, tip } = barrierAfter(
      before,
      Math.max(head.logTimeMs, runtime.clock.nowMs()),
      this.#ports.self,
    );
    if (this.#stopped || this.#isHalted()) return 'stopped while taking the role';
    if ((await log.append(led.fence, logPosition(tip.position), entry)) === 'deposed')
      return 'deposed at the barrier';
    if (this.#stopped || this.#isHalted()) return 'stopped while taking the role';
    this.#term = { tip, fence: led.fence, index };
    runtime.logger.info({ epoch: tip.epoch, position: tip.position }, 'sequencing');
    this.#setState({ kind: 'serving' });
    return undefined;
  }

  #isHalted(): boolean {
    return this.#state.kind === 'halted';
  }

  /** Hellos are judged as they come; here it is only waited for them, and until clocks have been compared. */
  async #compareWithPeers(): Promise<string | undefined> {
    const { runtime, nodes, compare, clockCompared } = this.#ports;
    const startMs = runtime.clock.monotonicMs();
    for (;;) {
      if (this.#state.kind === 'halted') return this.#state.why;
      const hellos = this.#streams.hellos();
      const missing = nodes.filter((node) => !hellos.has(node) || !clockCompared(node));
      if (missing.length === 0 || this.#stopped) return undefined;
      if (runtime.clock.monotonicMs() - startMs >= compareMs) {
        return compare === 'all'
          ? `waiting for ${missing.join(', ')}, to compare histories and clocks`
          : undefined;
      }
      await delay(runtime.timers, compareEveryMs);
    }
  }

  /** For good: what is being appended is finished, and nothing after it. */
  halt(why: string): void {
    if (this.#isHalted()) return;
    this.#ports.runtime.logger.error({ why }, 'the nodes differ: nobody may write');
    this.#setState({ kind: 'halted', why });
  }

  /**
   * Puts a mark into the log, between two batches; resolves when it is durable. Who asks while one waits shares that.
   * SEQUENCER_UNAVAILABLE when this node does not sequence, or no longer; the mark may then be in the log all the same.
   */
  mark(): Promise<Result<Mark>> {
    if (this.#state.kind !== 'serving') return Promise.resolve(this.#notMarked());
    const marked = new Promise<Result<Mark>>((resolve) => (this.#marking = [...this.#marking, resolve]));
    this.#pumpSoon();
    return marked;
  }

  #notMarked(): Result<Mark> {
    return fail('SEQUENCER_UNAVAILABLE', `no mark was put into the log: ${this.#whyNot()}`);
  }

  #tellMarked(marked: Result<Mark>): void {
    const waiting = this.#marking;
    this.#marking = [];
    for (const tell of waiting) tell(marked);
  }

  #setState(state: SequencerState): void {
    this.#state = state;
    if (state.kind !== 'serving') this.#refuseQueue();
    this.#streams.broadcast(this.#heartbeat());
  }

  /** What was queued was never judged; its nodes submit it again as retries when they must know. */
  #refuseQueue(): void {
    const queue = this.#queue;
    this.#queue = [];
    this.#queueBytes = 0;
    for (const waiting of queue) this.#refuse(waiting, 'SEQUENCER_UNAVAILABLE');
    this.#tellMarked(this.#notMarked());
  }

  #refuse(
    { request, peer }: Waiting,
    code: 'SEQUENCER_UNAVAILABLE' | 'OVERLOADED' | 'TRANSACTION_TOO_LARGE',
  ): void {
    const detail = code === 'OVERLOADED' ? 'the queue of the sequencer is full' : this.#whyNot();
    const answer: Answer = { kind: 'refused', code, detail, seqno: undefined };
    peer.send({ type: 'verdicts', verdicts: [verdictOf(request, answer)] });
  }

  #whyNot(): string {
    return this.#state.kind === 'serving' ? '' : this.#state.why;
  }

  #enqueue(submission: Submission, peer: CertifyPeer): void {
    const request = parseSubmission(submission);
    const waiting = { request, peer };
    if (this.#state.kind !== 'serving') return this.#refuse(waiting, 'SEQUENCER_UNAVAILABLE');
    if (submission.writeSet.length > limits.transactionBytesMax)
      return this.#refuse(waiting, 'TRANSACTION_TOO_LARGE');
    const bytes = requestBytes(request);
    const isFull =
      this.#queue.length >= limits.sequencerQueueMax ||
      this.#queueBytes + bytes > limits.sequencerQueueBytesMax;
    if (isFull) return this.#refuse(waiting, 'OVERLOADED');
    this.#queue.push(waiting);
    this.#queueBytes += bytes;
    this.#pumpSoon();
  }

  #pumpSoon(): void {
    if (this.#appending || this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    this.#ports.runtime.timers.soon(() => {
      this.#pumpIsDue = false;
      if (!this.#appending) this.#run(this.#pump());
    });
  }

  /** One append at a time: while it is in flight the next batch gathers. Who stops to serve empties the queue. */
  async #pump(): Promise<void> {
    this.#appending = true;
    try {
      while (this.#hasWork()) {
        if (this.#marking.length > 0) await this.#appendMark();
        if (this.#queue.length > 0) await this.#appendOne();
      }
    } catch (error) {
      this.#ports.runtime.logger.error({ error }, 'an append failed');
      this.#stepDown('the log failed');
    } finally {
      this.#appending = false;
    }
  }

  #hasWork(): boolean {
    return this.#state.kind === 'serving' && (this.#queue.length > 0 || this.#marking.length > 0);
  }

  async #appendMark(): Promise<void> {
    const { log, runtime, self } = this.#ports;
    const term = this.#term!;
    const clockProblem = this.#clock.whyNotGoOn();
    if (clockProblem !== undefined) return this.#stepDown(clockProblem);
    const nowMs = runtime.clock.nowMs();
    const mark = mintTransactionId(nowMs, runtime.random.bytes(10), self);
    const { entry, tip } = markAfter(term.tip, nowMs, mark);
    const outcome = await log.append(term.fence, logPosition(tip.position), entry);
    if (outcome === 'deposed') return this.#stepDown('another sequencer has taken the role');
    term.tip = tip;
    this.#tellMarked(succeed({ mark, position: tip.position }));
  }

  async #appendOne(): Promise<void> {
    const { log, store, runtime, retention } = this.#ports;
    const term = this.#term!;
    const clockProblem = this.#clock.whyNotGoOn();
    if (clockProblem !== undefined) return this.#stepDown(clockProblem);
    const nowMs = runtime.clock.nowMs();
    const batch = buildBatch(this.#queue, {
      tip: term.tip,
      index: term.index,
      outcome: (id) => store.outcome(id),
      nowMs,
      ...outcomeRoom(store.kept, retention, term.tip, nowMs),
    });
    for (const { request } of batch.answers) this.#queueBytes -= requestBytes(request.request);
    this.#queue = this.#queue.slice(batch.answers.length);
    if (batch.entry !== undefined) {
      const outcome = await log.append(term.fence, logPosition(batch.tip.position), batch.entry);
      if (outcome === 'deposed') return this.#stepDown('another sequencer has taken the role');
      term.tip = batch.tip;
    }
    this.#deliver(batch.answers);
  }

  #deliver(answers: readonly { readonly request: Waiting; readonly answer: Answer }[]): void {
    const byPeer = new Map<CertifyPeer, Verdict[]>();
    for (const { request, answer } of answers) {
      if (answer.kind === 'committed' && answer.fresh) continue;
      const verdicts = byPeer.get(request.peer) ?? [];
      verdicts.push(verdictOf(request.request, answer));
      byPeer.set(request.peer, verdicts);
    }
    for (const [peer, verdicts] of byPeer) {
      for (let at = 0; at < verdicts.length; at += verdictsPerMessageMax) {
        peer.send({ type: 'verdicts', verdicts: verdicts.slice(at, at + verdictsPerMessageMax) });
      }
    }
  }

  /** The outcome of what was in flight is unknown here: nothing is said of it, and its nodes ask the successor. */
  #stepDown(why: string): void {
    this.#term = undefined;
    if (this.#stopped || this.#isHalted()) return;
    this.#setState({ kind: 'waiting', why });
    // What failed may fail again with what is submitted again, and every term costs an entry.
    this.#run(delay(this.#ports.runtime.timers, retryLeadMs).then(() => this.#takeOver()));
  }

  /** Only who leads may answer for the log; the log is read after the request has come. */
  #answerTail(request: number, peer: CertifyPeer): void {
    const refusal = { type: 'tail', request, position: 0, seqno: 0, refused: true } as const;
    if (this.#state.kind !== 'serving') return peer.send(refusal);
    this.#ports.log.tail().then(
      ({ position, seqno: at }) => {
        const stillLeads = this.#state.kind === 'serving';
        peer.send(stillLeads ? { type: 'tail', request, position, seqno: at, refused: false } : refusal);
      },
      () => peer.send(refusal),
    );
  }

  #welcome() {
    return welcomeOf(this.#ports);
  }

  #heartbeat() {
    const wallMs = this.#ports.runtime.clock.nowMs();
    return heartbeatOf(this.#ports.store.head, wallMs, this.#state.kind === 'serving', this.#whyNot());
  }
}
