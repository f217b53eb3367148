import { zeroHash } from '../model/entry.js';
import {
  uuidFromBytes,
  uuidToBytes,
  type KeyspaceId,
  type NodeId,
  type TransactionId,
} from '../model/ids.js';
import { limits } from '../model/limits.js';
import { delay, type Runtime } from '../runtime/runtime.js';
import type { Head, KeyspaceStore } from '../storage/store.js';
import {
  decodeCertifyFromSequencer,
  encodeCertifyFromNode,
  type CertifyFromSequencer,
  type CertifyHello,
  type CertifyWelcome,
  type Submission,
  type Verdict,
} from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { readMessages } from '../transport/read-messages.js';
import { SeenLog, type Tail } from './seen-log.js';

export type { Tail } from './seen-log.js';

export interface LinkListener {
  onVerdict(id: TransactionId, verdict: Verdict): void;
  /** A sequencer serves on a new stream: what has no outcome yet is to be submitted again. */
  onServing(): void;
  /** It serves no more. */
  onNotServing(): void;
}

export interface LinkStatus {
  /** The sequencer's node, when its stream is open. */
  readonly sequencer: NodeId | undefined;
  readonly epoch: number;
  readonly serving: boolean;
  readonly whyNot: string | undefined;
  /** By the monotonic clock; undefined when never. */
  readonly lastHeardMs: number | undefined;
  readonly tail: { readonly position: number; readonly seqno: number };
}

const askTailAgainMs = 50;
const batchBytesMax = limits.peerMessageBytesMax / 2;

/** A node's end of the certify stream that its keyspace's sequencer keeps open to it. */
export class SequencerLink {
  readonly #self: NodeId;
  readonly #store: KeyspaceStore;
  readonly #runtime: Runtime;
  readonly #seen: SeenLog;
  #listener: LinkListener = { onVerdict: () => {}, onServing: () => {}, onNotServing: () => {} };
  #stream: PeerStream | undefined;
  #sequencer: NodeId | undefined;
  /** The sequencer's history, when it is not that of this node's copy: nothing is submitted to it. */
  #foreign: KeyspaceId | undefined;
  #serving = false;
  #whyNot: string | undefined;
  #lastHeardMs: number | undefined;
  #onLost: () => void = () => {};
  #outbox: Submission[] = [];
  #sendIsDue = false;
  #tailRequest = 0;
  #tailAsked = new Map<number, (tail: Tail | undefined) => void>();

  constructor(self: NodeId, store: KeyspaceStore, runtime: Runtime, seen: SeenLog = new SeenLog()) {
    this.#self = self;
    this.#store = store;
    this.#runtime = runtime;
    this.#seen = seen;
  }

  set listener(listener: LinkListener) {
    this.#listener = listener;
  }

  /** One listener, called whenever no sequencer serves this node any more. */
  set onLost(listener: () => void) {
    this.#onLost = listener;
  }

  get status(): LinkStatus {
    return {
      sequencer: this.#sequencer,
      epoch: this.#seen.epoch,
      serving: this.#serving,
      whyNot: this.#serving ? undefined : (this.#whyNot ?? 'no sequencer has connected to this node'),
      lastHeardMs: this.#lastHeardMs,
      tail: this.#seen.tail,
    };
  }

  /** Since the sequencer was last heard; undefined when it never was. */
  get stalenessMs(): number | undefined {
    if (this.#lastHeardMs === undefined) return undefined;
    return Math.max(0, Math.round(this.#runtime.clock.monotonicMs() - this.#lastHeardMs));
  }

  /** The history of the sequencer that was last heard, when it is not that of this node's copy. */
  get otherHistory(): KeyspaceId | undefined {
    return this.#foreign;
  }

  get serving(): boolean {
    return this.#serving;
  }

  /**
   * A sequencer has opened a stream and its welcome has been read. One of a lower epoch than the last is refused; it is told
   * what this node knows all the same, since it may be a home whose log was set back. One of another history is listened to,
   * unless this node's history took the place of that one: it is refused, and told, too. False when it was refused.
   */
  accept(stream: PeerStream, welcome: CertifyWelcome): boolean {
    const foreign = this.#historyBesideOurs(welcome);
    const refused = this.#whyRefused(welcome, foreign);
    if (refused !== undefined) {
      this.#sendHello(stream);
      stream.close(refused);
      return false;
    }
    const older = this.#stream;
    if (older !== undefined) this.#lost('replaced by a newer stream');
    older?.close('replaced by a newer stream');
    this.#stream = stream;
    this.#sequencer = welcome.node as NodeId;
    this.#foreign = foreign;
    this.#heard({ position: welcome.tailPosition, seqno: welcome.tailSeqno });
    const take = (message: CertifyFromSequencer): void => this.#onMessage(message, stream);
    readMessages(stream, decodeCertifyFromSequencer, take, this.#runtime.logger);
    stream.onClose((reason) => {
      if (this.#stream === stream) this.#lost(`the stream of ${welcome.node} is closed: ${reason}`);
    });
    this.#sendHello(stream);
    return true;
  }

  #whyRefused(welcome: CertifyWelcome, foreign: KeyspaceId | undefined): string | undefined {
    if (foreign === undefined)
      return this.#seen.accepts(welcome)
        ? undefined
        : `a sequencer of epoch ${this.#seen.epoch} was here before`;
    const isReplaced = this.#store.replaced.some(({ keyspaceId }) => keyspaceId === foreign);
    return isReplaced ? `the history ${foreign} was replaced` : undefined;
  }

  #historyBesideOurs({ keyspaceId }: CertifyWelcome): KeyspaceId | undefined {
    const ours = this.#store.head.keyspaceId;
    const theirs = uuidFromBytes(keyspaceId) as KeyspaceId;
    const isNone = keyspaceId.every((byte) => byte === 0);
    return ours === undefined || isNone || ours === theirs ? undefined : theirs;
  }

  #sendHello(stream: PeerStream): void {
    stream.send(encodeCertifyFromNode(helloOf(this.#self, this.#store.head, this.#seen)));
  }

  /** Hands submissions of one turn to the sequencer in one message. Dropped when the stream closes before. */
  submit(submission: Submission): void {
    this.#outbox.push(submission);
    if (this.#sendIsDue) return;
    this.#sendIsDue = true;
    this.#runtime.timers.soon(() => this.#flush());
  }

  /** The linearizable tail, asked of the sequencer now; undefined when it cannot be had. */
  askTail(): Promise<Tail | undefined> {
    const stream = this.#stream;
    if (stream === undefined) return Promise.resolve(undefined);
    const request = ++this.#tailRequest;
    return new Promise((resolve) => {
      this.#tailAsked.set(request, resolve);
      stream.send(encodeCertifyFromNode({ type: 'tail', request }));
    });
  }

  /** The same, asked again of the sequencer that comes, for so long: one that was lost soon has a successor. ms */
  async askTailWithin(waitMsMax: number): Promise<Tail | undefined> {
    const { clock, timers } = this.#runtime;
    const endMs = clock.monotonicMs() + waitMsMax;
    for (;;) {
      const tail = await this.askTail();
      const leftMs = endMs - clock.monotonicMs();
      if (tail !== undefined || leftMs <= 0) return tail;
      await delay(timers, Math.min(askTailAgainMs, leftMs));
    }
  }

  stop(): void {
    this.#stream?.close('the node stops');
  }

  #flush(): void {
    this.#sendIsDue = false;
    const outbox = this.#outbox;
    this.#outbox = [];
    let group: Submission[] = [];
    let bytes = 0;
    for (const submission of outbox) {
      const size = submissionBytes(submission);
      if (group.length > 0 && bytes + size > batchBytesMax) {
        this.#stream?.send(encodeCertifyFromNode({ type: 'submissions', submissions: group }));
        group = [];
        bytes = 0;
      }
      group.push(submission);
      bytes += size;
    }
    if (group.length > 0)
      this.#stream?.send(encodeCertifyFromNode({ type: 'submissions', submissions: group }));
  }

  #onMessage(message: CertifyFromSequencer, stream: PeerStream): void {
    if (stream !== this.#stream) return;
    switch (message.type) {
      case 'verdicts':
        this.#lastHeardMs = this.#runtime.clock.monotonicMs();
        for (const verdict of message.verdicts) {
          this.#listener.onVerdict(uuidFromBytes(verdict.transactionId) as TransactionId, verdict);
        }
        return;
      case 'tail':
        this.#answerTail(message.request, message.refused ? undefined : message);
        return;
      case 'heartbeat':
        this.#heard(message);
        if (this.#foreign === undefined) this.#setServing(message.serving, message.whyNot);
        else this.#setServing(false, message.whyNot || `the sequencer has another history, ${this.#foreign}`);
        return;
      case 'welcome':
        return stream.close('a second welcome');
    }
  }

  #heard(tail: Tail): void {
    this.#lastHeardMs = this.#runtime.clock.monotonicMs();
    if (this.#foreign === undefined) this.#seen.heard(tail);
  }

  #setServing(serving: boolean, whyNot: string): void {
    const begins = serving && !this.#serving;
    const ends = !serving && this.#serving;
    this.#serving = serving;
    this.#whyNot = serving ? undefined : whyNot;
    if (!serving) this.#failTails();
    if (begins) this.#listener.onServing();
    if (!ends) return;
    this.#listener.onNotServing();
    this.#onLost();
  }

  #answerTail(request: number, tail: Tail | undefined): void {
    const resolve = this.#tailAsked.get(request);
    this.#tailAsked.delete(request);
    if (tail !== undefined) this.#heard(tail);
    resolve?.(tail);
  }

  #failTails(): void {
    for (const resolve of this.#tailAsked.values()) resolve(undefined);
    this.#tailAsked.clear();
  }

  #lost(why: string): void {
    this.#stream = undefined;
    this.#outbox = [];
    this.#setServing(false, why);
  }
}

/** What a node says first to a sequencer: what it holds of the keyspace, none when `head` is undefined, and what it has seen. */
export function helloOf(self: NodeId, head: Head | undefined, seen: SeenLog): CertifyHello {
  return {
    type: 'hello',
    node: self,
    keyspaceId: head?.keyspaceId === undefined ? Buffer.alloc(0) : uuidToBytes(head.keyspaceId),
    position: Math.max(0, head?.position ?? 0),
    hash: head?.chainHash ?? zeroHash,
    seenEpoch: seen.epoch,
    seenPosition: Math.max(0, seen.tail.position),
  };
}

/** What a submission takes in a message, roughly, in bytes. */
export function submissionBytes(submission: Submission): number {
  let bytes = submission.writeSet.length + 64;
  for (const key of submission.readKeys) bytes += key.length + 4;
  for (const key of submission.checkKeys) bytes += key.length + 4;
  for (const range of submission.readRanges) bytes += range.start.length + range.end.length + 8;
  return bytes;
}
