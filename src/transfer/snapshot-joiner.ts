import { assertNever } from '../model/assert.js';
import type { KeyspaceId, KeyspaceName, NodeId } from '../model/ids.js';
import { every, type LogFields, type Runtime } from '../runtime/runtime.js';
import type { IncomingCopy } from '../storage/incoming-copy.js';
import { beginIncomingCopy, openIncomingCopy } from '../storage/level-incoming-copy.js';
import type { StorePlace } from '../storage/store-place.js';
import { EntriesDoNotFollow, StoreDamaged, type Head } from '../storage/store.js';
import type { OwnCopy } from '../transport/messages.js';
import type { PeerTransport } from '../transport/peer-transport.js';
import { DonorChoice, type Choice, type DonorCandidate } from './donor-choice.js';
import { JoinAttempt, type AttemptEnd } from './join-attempt.js';
import { Pause } from './pause.js';
import { TransferMeter } from './transfer-meter.js';
import type { TransferStatus } from './transfer-status.js';

export type { DonorCandidate } from './donor-choice.js';

export interface JoinerPorts {
  readonly keyspace: KeyspaceName;
  readonly self: NodeId;
  readonly place: StorePlace;
  /** In order of preference; asked anew for each attempt. */
  readonly donors: () => readonly DonorCandidate[];
  /** This node's older copy; undefined when it has none. */
  readonly own:
    { readonly keyspaceId: KeyspaceId; readonly position: number; readonly hash: Buffer } | undefined;
  /** Whether a copy is taken although the donor says that the own one is of another history. */
  readonly mayReplaceDifferent: boolean;
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
}

export interface Joined {
  /** Undefined when a restart found the copy whole. */
  readonly donor: NodeId | undefined;
  readonly head: Head;
  /** 'unknown' also when a restart found the copy whole. */
  readonly ownCopy: OwnCopy;
}

/** The own copy is of another history than the donor's, and may not be replaced: nothing was copied. */
export interface JoinRefused {
  readonly refused: 'different';
  readonly donor: NodeId;
}

const retryMsMin = 100;
const retryMsMax = 5000;
const logEveryMs = 5000;

/**
 * Brings a keyspace's copy from a donor into the incoming place of this node: rows in chunks, meanwhile the entries that
 * follow them, then everything is read back and the entries are applied. Goes on where it was after any break, of the
 * stream or of this node, as long as the donor has the snapshot; else it starts over, also with another donor.
 */
export class SnapshotJoiner {
  readonly #ports: JoinerPorts;
  readonly #meter: TransferMeter;
  readonly #choice = new DonorChoice();
  readonly #pause: Pause;
  #copy: IncomingCopy | undefined;
  /** Of the copy; unknown of one that was begun before a restart. */
  #donor: NodeId | undefined;
  #ownCopy: OwnCopy | undefined;
  /** The copy holds all of its chunks: so many. */
  #chunks: number | undefined;
  #attempt: JoinAttempt | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #retryMs = retryMsMin;
  #stopped = false;

  constructor(ports: JoinerPorts) {
    this.#ports = ports;
    this.#meter = new TransferMeter(ports.runtime.clock);
    this.#pause = new Pause(ports.runtime.timers);
  }

  get progress(): TransferStatus {
    return this.#meter.status;
  }

  /**
   * Resolves when the incoming copy is verified, replayed and closed; tries for as long as it takes, with back-off, also with
   * other donors. Undefined when it was stopped. Called once.
   */
  run(): Promise<Joined | JoinRefused | undefined> {
    const running = this.#run();
    this.#running = running.catch(() => undefined);
    return running;
  }

  /** Resolves when nothing is written any more. What has been copied stays, for the next joiner to go on with. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pause.end();
    this.#attempt?.stop();
    await this.#running;
  }

  async #run(): Promise<Joined | JoinRefused | undefined> {
    const { timers, logger } = this.#ports.runtime;
    const cancelLog = every(timers, logEveryMs, () =>
      logger.info(this.#logFields(), 'joining by a snapshot'),
    );
    try {
      while (!this.#stopped) {
        const end = await this.#step();
        if (end !== undefined) return end;
        await this.#pause.wait(this.#retryMs);
        this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax);
      }
      return undefined;
    } finally {
      cancelLog();
      await this.#closeCopy();
    }
  }

  /** One try; undefined when there is to be another. */
  async #step(): Promise<Joined | JoinRefused | undefined> {
    try {
      this.#copy ??= await this.#openCopy();
      // A stop that came meanwhile has found no attempt to stop.
      if (this.#stopped) return undefined;
      if (this.#copy !== undefined && (this.#copy.isWhole || this.#chunks !== undefined))
        return await this.#conclude(this.#copy, () => {});
      return await this.#tryDonor();
    } catch (error) {
      if (this.#stopped) return undefined;
      await this.#afterFailure(error as Error);
      return undefined;
    }
  }

  async #openCopy(): Promise<IncomingCopy | undefined> {
    const { place, runtime } = this.#ports;
    const copy = await openIncomingCopy(() => place.openIncoming(), runtime.logger);
    if (copy === undefined) return undefined;
    if (copy.progress.chunks !== this.#chunks) this.#chunks = undefined;
    this.#meter.bytes = copy.progress.bytes;
    return copy;
  }

  /** Nothing is assumed of a copy that could not be written: it is opened anew. One that is damaged is dropped. */
  async #afterFailure(error: Error): Promise<void> {
    const { logger } = this.#ports.runtime;
    const isDamaged = error instanceof StoreDamaged || error instanceof EntriesDoNotFollow;
    this.#meter.heldUpBy = `${isDamaged ? 'the incoming copy is damaged' : 'the incoming copy cannot be written'}: ${error.message}`;
    logger.error({ ...this.#logFields(), error }, 'the incoming copy could not be gone on with');
    await this.#closeCopy();
    if (isDamaged) await this.#dropCopy().catch(() => undefined);
  }

  async #tryDonor(): Promise<Joined | JoinRefused | undefined> {
    const { donors, runtime } = this.#ports;
    const copy = this.#copy;
    const keyspaceId = copy?.origin.head.keyspaceId;
    const begun = keyspaceId === undefined ? undefined : { donor: this.#donor, keyspaceId };
    const choice = this.#choice.choose(donors(), begun);
    if (choice === undefined) {
      this.#meter.heldUpBy = 'no node that could give a copy is reachable';
      return undefined;
    }
    this.#meter.donor = choice.node;
    const attempt = new JoinAttempt(this.#ports, choice, choice.resume ? copy : undefined, {
      begin: (origin) => this.#beginCopy(origin, choice),
      onWelcome: (ownCopy, bytesTotal) => this.#onWelcome(choice, ownCopy, bytesTotal),
      onStored: (bytes) => this.#onStored(choice, bytes),
    });
    this.#attempt = attempt;
    try {
      return await this.#after(choice, await attempt.run(), attempt);
    } finally {
      attempt.stop();
      runtime.logger.debug({ donor: choice.node }, 'a try to take a copy is over');
    }
  }

  async #after(
    choice: Choice,
    end: AttemptEnd,
    attempt: JoinAttempt,
  ): Promise<Joined | JoinRefused | undefined> {
    switch (end.kind) {
      case 'whole':
        this.#chunks = end.chunks;
        this.#meter.bytesTotal = this.#meter.bytes;
        return this.#conclude(this.#copy!, () => attempt.tellDone());
      case 'different':
        return { refused: 'different', donor: choice.node };
      case 'broken':
        this.#choice.failed(choice);
        break;
      case 'gone':
        this.#choice.gone(choice);
        this.#choice.failed(choice);
        if (this.#donor === choice.node) await this.#dropCopy();
        break;
      case 'untrue':
        this.#choice.untrue(choice);
        await this.#dropCopy();
        break;
      default:
        assertNever(end);
    }
    if (this.#stopped) return undefined;
    this.#meter.heldUpBy = `${choice.node}: ${end.why}`;
    this.#ports.runtime.logger.warn(this.#logFields(), 'taking a copy was cut off');
    return undefined;
  }

  async #beginCopy(origin: IncomingCopy['origin'], choice: Choice): Promise<IncomingCopy> {
    const { place, runtime } = this.#ports;
    await this.#dropCopy();
    this.#copy = await beginIncomingCopy(() => place.openIncoming(), origin, runtime.logger);
    this.#donor = choice.node;
    this.#choice.begins();
    this.#meter.bytes = 0;
    return this.#copy;
  }

  #onWelcome(choice: Choice, ownCopy: OwnCopy, bytesTotal: number): void {
    this.#donor = choice.node;
    this.#ownCopy = ownCopy;
    this.#meter.bytesTotal = bytesTotal;
    this.#meter.phase = 'copying';
    this.#meter.heldUpBy = undefined;
    const { origin, progress } = this.#copy!;
    const what = { chunksHeld: progress.chunks, position: origin.head.position, seqno: origin.head.seqno };
    this.#ports.runtime.logger.info({ ...this.#logFields(), ...what, ownCopy }, 'taking a copy');
  }

  #onStored(choice: Choice, bytes: number): void {
    this.#meter.stored(bytes);
    this.#choice.advanced(choice);
    this.#retryMs = retryMsMin;
  }

  /** All chunks are there. `onVerified`: the donor's snapshot is needed no more. */
  async #conclude(copy: IncomingCopy, onVerified: () => void): Promise<Joined | undefined> {
    this.#meter.heldUpBy = undefined;
    this.#meter.phase = 'verifying';
    await copy.finish(this.#chunks ?? copy.progress.chunks);
    onVerified();
    if (this.#stopped) return undefined;
    this.#meter.phase = 'replaying';
    const head = await copy.replay(() => undefined);
    await this.#closeCopy();
    this.#meter.phase = 'done';
    const { bytes } = this.#meter;
    const ms = Math.round(this.#meter.elapsedMs);
    const rate = { ms, bytesPerSecond: Math.round((bytes * 1000) / Math.max(1, ms)) };
    const { rows } = copy.progress;
    const totals = { ...this.#logFields(), ...rate, rows, position: head.position, seqno: head.seqno };
    this.#ports.runtime.logger.info(totals, 'the copy is whole, verified and up to date');
    const ownCopy = this.#ownCopy ?? (this.#ports.own === undefined ? 'none' : 'unknown');
    return { donor: this.#donor, head, ownCopy };
  }

  async #closeCopy(): Promise<void> {
    const copy = this.#copy;
    this.#copy = undefined;
    await copy?.close().catch(() => undefined);
  }

  async #dropCopy(): Promise<void> {
    await this.#closeCopy();
    this.#donor = undefined;
    this.#chunks = undefined;
    this.#meter.phase = 'choosing-donor';
    await this.#ports.place.dropIncoming();
  }

  #logFields(): LogFields {
    const { keyspace } = this.#ports;
    const { donor, phase, bytes, bytesTotal, bytesPerSecond, heldUpBy } = this.#meter.status;
    return { keyspace, donor, phase, bytes, bytesTotal, bytesPerSecond, heldUpBy };
  }
}
