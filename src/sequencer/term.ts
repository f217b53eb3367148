import type { CertificationIndex } from '../certification/certification-index.js';
import { fail, succeed, type Result } from '../model/errors.js';
import { logPosition, type NodeId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { Retention } from '../model/retention.js';
import { mintTransactionId } from '../model/transaction-id.js';
import { LogFull, type Fence, type OrderedLog } from '../ordering/ordered-log.js';
import type { Runtime } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { Submission, Verdict } from '../transport/messages.js';
import { buildBatch, type Answer, type LogTip } from './batch.js';
import type { CertifyPeer } from './certify-streams.js';
import { markAfter, type Mark } from './mark.js';
import { verdictOf } from './messages-to-nodes.js';
import { outcomeRoom } from './outcome-room.js';
import { parseSubmission, requestBytes, type SequencerRequest } from './request.js';

export interface TermPorts {
  readonly self: NodeId;
  readonly log: OrderedLog;
  readonly store: KeyspaceStore;
  readonly runtime: Runtime;
  readonly retention: Retention;
  /** Why no entry may be written by this node's clock now, or undefined. */
  readonly clockProblem: () => string | undefined;
  /** Why the log takes nothing more now, or undefined; for the client. */
  readonly logFull: () => string | undefined;
  /** Called once, when the term can no longer append; what was in flight is then undecided. */
  readonly onBroken: (why: string) => void;
}

/** What a term begins with: its barrier is durable, and applied. */
export interface TermBeginning {
  readonly fence: Fence;
  readonly tip: LogTip;
  readonly index: CertificationIndex;
}

interface Waiting {
  readonly request: SequencerRequest;
  readonly peer: CertifyPeer;
}

/** Each may name a key of `limits.keyBytesMax`; a message stays far below `limits.peerMessageBytesMax`. */
const verdictsPerMessageMax = 1000;

/** One time of a sequencer in its role: takes requests, certifies them in batches, appends, applies and answers. */
export class Term {
  readonly fence: Fence;
  readonly #ports: TermPorts;
  readonly #index: CertificationIndex;
  #tip: LogTip;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #pumping = false;
  #pumpIsDue = false;
  /** Of those who wait for the mark that comes next. */
  #marking: readonly ((marked: Result<Mark>) => void)[] = [];
  /** Why nothing is taken any more, and whether who asks is told so, or waits for the successor. */
  #ended: { readonly why: string; readonly waiting: 'refused' | 'left' } | undefined;
  #isAbandoned = false;
  #idle: Promise<void> = Promise.resolve();
  #applying: Promise<unknown> = Promise.resolve();

  constructor(ports: TermPorts, { fence, tip, index }: TermBeginning) {
    this.fence = fence;
    this.#ports = ports;
    this.#tip = tip;
    this.#index = index;
  }

  /** Takes no more. What is being appended is finished and answered; what waits is refused, or left to a successor. */
  end(why: string, waiting: 'refused' | 'left'): void {
    if (this.#ended !== undefined) return;
    this.#ended = { why, waiting };
    const queue = this.#queue;
    this.#queue = [];
    this.#queueBytes = 0;
    if (waiting === 'refused') for (const one of queue) refuse(one, 'SEQUENCER_UNAVAILABLE', why);
    this.#tellMarked(this.#notMarked());
  }

  /** The role is another's, or nobody's: nothing that is still in flight is applied or answered from here on. */
  abandon(why: string): void {
    this.#isAbandoned = true;
    this.end(why, 'left');
  }

  /** Resolves when what was in flight has been decided, applied and answered. */
  async idle(): Promise<void> {
    while (this.#pumping) await this.#idle;
  }

  /** Resolves when nothing is being applied to the store by it; after `abandon` nothing will be. */
  async applied(): Promise<void> {
    await this.#applying.catch(() => undefined);
  }

  /**
   * Puts a mark into the log, between two batches; resolves when it is durable. Who asks while one waits shares that.
   * SEQUENCER_UNAVAILABLE when the term ends; the mark may then be in the log all the same.
   */
  mark(): Promise<Result<Mark>> {
    if (this.#ended !== undefined) return Promise.resolve(this.#notMarked());
    const marked = new Promise<Result<Mark>>((resolve) => (this.#marking = [...this.#marking, resolve]));
    this.#pumpSoon();
    return marked;
  }

  #notMarked(): Result<Mark> {
    return fail(
      'SEQUENCER_UNAVAILABLE',
      `no mark was put into the log: ${this.#ended?.why ?? 'the term ended'}`,
    );
  }

  #tellMarked(marked: Result<Mark>): void {
    const waiting = this.#marking;
    this.#marking = [];
    for (const tell of waiting) tell(marked);
  }

  enqueue(submission: Submission, peer: CertifyPeer): void {
    if (this.#ended?.waiting === 'left') return;
    const request = parseSubmission(submission);
    const waiting = { request, peer };
    if (this.#ended !== undefined) return refuse(waiting, 'SEQUENCER_UNAVAILABLE', this.#ended.why);
    if (submission.writeSet.length > limits.transactionBytesMax)
      return refuse(waiting, 'TRANSACTION_TOO_LARGE', '');
    const bytes = requestBytes(request);
    const isFull =
      this.#queue.length >= limits.sequencerQueueMax ||
      this.#queueBytes + bytes > limits.sequencerQueueBytesMax;
    const why = isFull ? 'the queue of the sequencer is full' : this.#ports.logFull();
    if (why !== undefined) return refuse(waiting, 'OVERLOADED', why);
    this.#queue.push(waiting);
    this.#queueBytes += bytes;
    this.#pumpSoon();
  }

  #pumpSoon(): void {
    if (this.#pumping || this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    this.#ports.runtime.timers.soon(() => {
      this.#pumpIsDue = false;
      if (!this.#pumping) this.#idle = this.#pump();
    });
  }

  /** One append at a time: while it is in flight the next batch gathers. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      while (this.#hasWork()) {
        if (this.#marking.length > 0) await this.#appendMark();
        if (this.#queue.length > 0) await this.#appendOne();
      }
    } catch (error) {
      this.#ports.runtime.logger.error({ error }, 'an append failed');
      this.#break(error instanceof LogFull ? error.message : 'the log failed');
    } finally {
      this.#pumping = false;
    }
  }

  #hasWork(): boolean {
    return this.#ended === undefined && (this.#queue.length > 0 || this.#marking.length > 0);
  }

  #break(why: string): void {
    if (!this.#isAbandoned) this.#ports.onBroken(why);
  }

  async #appendMark(): Promise<void> {
    const { runtime, self, clockProblem } = this.#ports;
    const problem = clockProblem();
    if (problem !== undefined) return this.#break(problem);
    const nowMs = runtime.clock.nowMs();
    const mark = mintTransactionId(nowMs, runtime.random.bytes(10), self);
    const { entry, tip } = markAfter(this.#tip, nowMs, mark);
    if (await this.#append(entry, tip)) this.#tellMarked(succeed({ mark, position: tip.position }));
  }

  async #appendOne(): Promise<void> {
    const { store, runtime, retention, clockProblem } = this.#ports;
    const problem = clockProblem();
    if (problem !== undefined) return this.#break(problem);
    const nowMs = runtime.clock.nowMs();
    const batch = buildBatch(this.#queue, {
      tip: this.#tip,
      index: this.#index,
      outcome: (id) => store.outcome(id),
      nowMs,
      ...outcomeRoom(store.kept, retention, this.#tip, nowMs),
    });
    for (const { request } of batch.answers) this.#queueBytes -= requestBytes(request.request);
    this.#queue = this.#queue.slice(batch.answers.length);
    if (batch.entry === undefined || (await this.#append(batch.entry, batch.tip))) deliver(batch.answers);
  }

  /** Whether the entry is durable in the log and applied here: nothing leaves before it is both. */
  async #append(entry: Buffer, tip: LogTip): Promise<boolean> {
    const { log, store } = this.#ports;
    const outcome = await log.append(this.fence, logPosition(tip.position), entry);
    if (this.#isAbandoned) return false;
    if (outcome === 'deposed') {
      this.#break('another sequencer has taken the role');
      return false;
    }
    if (store.head.position < tip.position) await (this.#applying = store.apply([entry]));
    this.#tip = tip;
    return !this.#isAbandoned;
  }
}

/** What was not judged; its node submits it again, as a retry, when it must know. */
export function refuse(
  { request, peer }: Waiting,
  code: 'SEQUENCER_UNAVAILABLE' | 'OVERLOADED' | 'TRANSACTION_TOO_LARGE',
  detail: string,
): void {
  const answer: Answer = { kind: 'refused', code, detail, seqno: undefined };
  peer.send({ type: 'verdicts', verdicts: [verdictOf(request, answer)] });
}

function deliver(answers: readonly { readonly request: Waiting; readonly answer: Answer }[]): void {
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
