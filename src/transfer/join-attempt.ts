import { uuidToBytes, type KeyspaceId, type KeyspaceName, type NodeId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { delay, type Runtime } from '../runtime/runtime.js';
import type { CopyOrigin, IncomingCopy } from '../storage/incoming-copy.js';
import {
  decodeTransferFromDonor,
  encodeTransferFromJoiner,
  PeerMessageError,
  type OwnCopy,
  type TransferFromDonor,
  type TransferWelcome,
} from '../transport/messages.js';
import type { PeerTransport } from '../transport/peer-transport.js';
import type { Choice } from './donor-choice.js';
import { Inbox } from './inbox.js';
import { IncomingChunks, type ChunksEnd } from './incoming-chunks.js';
import { IncomingEntries, type FollowingEnd } from './incoming-entries.js';
import { judgeResumed, judgeWelcome } from './judge-donor.js';
import { transferGone } from './snapshot-donor.js';

/** A donor that has nothing to send for so long is given up. */
const silentMsMax = 30_000;
/** How long a copy that has all its chunks waits for the entries up to the donor's tail. */
const catchUpMsMax = 10_000;

export interface AttemptPorts {
  readonly keyspace: KeyspaceName;
  readonly self: NodeId;
  readonly own:
    { readonly keyspaceId: KeyspaceId; readonly position: number; readonly hash: Buffer } | undefined;
  readonly mayReplaceDifferent: boolean;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
}

/** What the attempt tells its joiner. */
export interface AttemptEvents {
  /** A donor gives a new copy: what was begun before is dropped for it. */
  begin(origin: CopyOrigin): Promise<IncomingCopy>;
  onWelcome(ownCopy: OwnCopy, bytesTotal: number): void;
  onStored(bytes: number): void;
}

export type AttemptEnd =
  /** All chunks are stored; entries up to some place beside them. */
  | { readonly kind: 'whole'; readonly chunks: number }
  /** The own copy is of another history and may not be replaced. */
  | { readonly kind: 'different' }
  /** The same donor may go on with it. */
  | { readonly kind: 'broken'; readonly why: string }
  /** The donor cannot go on with it. */
  | { readonly kind: 'gone'; readonly why: string }
  /** The donor sent what cannot be. */
  | { readonly kind: 'untrue'; readonly why: string };

/** One transfer stream to one donor, and beside it the stream of its entries. */
export class JoinAttempt {
  readonly #ports: AttemptPorts;
  readonly #choice: Choice;
  readonly #events: AttemptEvents;
  readonly #inbox: Inbox<TransferFromDonor>;
  #copy: IncomingCopy | undefined;
  #stopped = false;

  /** `copy`: what is gone on with; undefined for a new one. */
  constructor(ports: AttemptPorts, choice: Choice, copy: IncomingCopy | undefined, events: AttemptEvents) {
    this.#ports = ports;
    this.#choice = choice;
    this.#events = events;
    this.#copy = copy;
    this.#inbox = new Inbox(ports.transport.open(choice.node, 'transfer'), {
      decode: decodeTransferFromDonor,
      bytesMax: limits.transferQueueBytesMax,
      silentMsMax,
      timers: ports.runtime.timers,
    });
  }

  /** Nothing is being written when it resolves or rejects. Rejects when the copy cannot be written. Called once. */
  async run(): Promise<AttemptEnd> {
    const end = await this.#run();
    if (end.kind === 'different' || end.kind === 'untrue' || end.kind === 'gone') this.tellDone();
    return end;
  }

  async #run(): Promise<AttemptEnd> {
    this.#sendHello();
    const welcome = await this.#welcome();
    if ('kind' in welcome) return welcome;
    const refusal = this.#judgeWelcome(welcome);
    if (refusal !== undefined) return refusal;
    const origin = judgeWelcome(welcome, this.#choice.keyspaceId);
    if ('untrue' in origin) return { kind: 'untrue', why: origin.untrue };
    const other = this.#copy === undefined ? undefined : judgeResumed(origin, this.#copy.origin);
    if (other !== undefined) return { kind: 'untrue', why: other.untrue };
    const { mayReplaceDifferent } = this.#ports;
    const copy = (this.#copy ??= await this.#events.begin(
      mayReplaceDifferent ? { ...origin, givenUp: true } : origin,
    ));
    this.#events.onWelcome(welcome.ownCopy, welcome.bytesEstimate);
    return this.#take(copy);
  }

  /** The donor may release its snapshot. */
  tellDone(): void {
    this.#inbox.send(encodeTransferFromJoiner({ type: 'taken', chunks: 0, done: true }));
  }

  /** What is being written is written. */
  stop(): void {
    this.#stopped = true;
    this.#inbox.close('the joiner ends the transfer');
  }

  #sendHello(): void {
    const { keyspace, self, own } = this.#ports;
    const { origin, progress } = this.#copy ?? {};
    const hello = {
      type: 'hello',
      keyspace,
      node: self,
      keyspaceId: own === undefined ? Buffer.alloc(0) : uuidToBytes(own.keyspaceId),
      position: own?.position ?? 0,
      hash: own?.hash ?? Buffer.alloc(0),
      transferId: origin?.transferId ?? Buffer.alloc(0),
      chunks: progress?.chunks ?? 0,
      lastKey: progress?.lastKey ?? Buffer.alloc(0),
    } as const;
    this.#inbox.send(encodeTransferFromJoiner(hello));
  }

  async #welcome(): Promise<TransferWelcome | AttemptEnd> {
    try {
      const message = await this.#inbox.next();
      if (message?.type === 'welcome') return message;
      if (message === undefined) return { kind: 'broken', why: this.#inbox.closed ?? 'the stream is closed' };
      return { kind: 'untrue', why: `a ${message.type} before the welcome` };
    } catch (error) {
      if (error instanceof PeerMessageError) return { kind: 'untrue', why: error.message };
      throw error;
    }
  }

  #judgeWelcome({ refused, ownCopy, resumed, position }: TransferWelcome): AttemptEnd | undefined {
    const { own, mayReplaceDifferent } = this.#ports;
    if (refused === transferGone) return { kind: 'gone', why: 'it does not hold the snapshot any more' };
    if (refused !== '') return { kind: 'broken', why: `it refuses: ${refused}` };
    if ((own === undefined) !== (ownCopy === 'none'))
      return { kind: 'untrue', why: `it calls the own copy ${ownCopy}` };
    if (ownCopy === 'different' && !mayReplaceDifferent) return { kind: 'different' };
    // It would take back what is applied here, or change nothing: the same join would begin again and again.
    if (own !== undefined && !mayReplaceDifferent && position <= own.position)
      return { kind: 'gone', why: `it stands at position ${position}, this node at ${own.position}` };
    if (resumed !== (this.#copy !== undefined)) return { kind: 'untrue', why: 'it does not go on as asked' };
    return undefined;
  }

  async #take(copy: IncomingCopy): Promise<AttemptEnd> {
    const { keyspace, self, transport, runtime } = this.#ports;
    const donor = this.#choice.node;
    const entries = new IncomingEntries({ keyspace, self, donor, copy, transport, runtime });
    const following = this.#follow(entries);
    // It may reject while a chunk is still being written; then it is waited for.
    following.catch(() => undefined);
    const { onStored } = this.#events;
    let end: ChunksEnd;
    try {
      end = await new IncomingChunks({ inbox: this.#inbox, copy, onStored }).run();
      if (end.kind === 'whole' && !(await this.#isFollowed(entries)))
        end = { kind: 'broken', why: this.#inbox.closed ?? 'its entries could not be followed' };
    } finally {
      entries.stop();
      await following.catch(() => undefined);
    }
    const followed = await following;
    if (followed.kind !== 'stopped') return followed;
    return this.#stopped ? { kind: 'broken', why: 'the joiner stops' } : end;
  }

  /** Whether the donor has found the copy's place in its history: else it is worth nothing. Waits for what it has by then. */
  async #isFollowed(entries: IncomingEntries): Promise<boolean> {
    const tooLong = delay(this.#ports.runtime.timers, catchUpMsMax);
    await Promise.race([entries.caughtUp, this.#inbox.over, tooLong]);
    return entries.accepted && this.#inbox.closed === undefined;
  }

  /** What ends following ends the transfer. */
  async #follow(entries: IncomingEntries): Promise<FollowingEnd> {
    let end: FollowingEnd | undefined;
    try {
      return (end = await entries.run());
    } finally {
      if (end?.kind !== 'stopped') this.#inbox.close('the entries that follow cannot be stored');
    }
  }
}
