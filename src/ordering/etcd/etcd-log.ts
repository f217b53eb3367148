import { assert, assertNever } from '../../model/assert.js';
import { decodeEntryHeader } from '../../model/entry.js';
import { logPosition, type LogPosition, type NodeId } from '../../model/ids.js';
import { delay, type Runtime } from '../../runtime/runtime.js';
import { LogFull, type Fence, type Led, type LogTail, type OrderedLog } from '../ordered-log.js';
import { appendTxn, judge, slotOf, slotReads, termRevision, type Slot } from './append-judgement.js';
import { Closing, isNoSpace, saysNothing } from './closing.js';
import { elect, fullMessage } from './election.js';
import { EtcdKeys } from './etcd-keys.js';
import { EtcdError, type EtcdKv } from './etcd-kv.js';
import { KnownEntry } from './known-entry.js';
import { LogReading } from './log-reading.js';
import { Term } from './term.js';

export interface EtcdLogOptions {
  /** Stays its owner's: `close` leaves it open. */
  readonly kv: EtcdKv;
  /** `<prefix>/<cluster>/<keyspace>/`, with the slash at its end. */
  readonly prefix: Buffer | string;
  readonly self: NodeId;
  /** etcd may make it longer. */
  readonly leaseMs: number;
  readonly runtime: Runtime;
}

const resignMsMax = 1000;
/** Between two compactions of etcd's database by this log. */
const compactEveryMs = 30_000;

/** One candidate's ordered log in etcd (docs/adr/0012-the-ordered-log-on-etcd.md). What it knows of etcd is the port EtcdKv. */
export class EtcdLog implements OrderedLog {
  readonly #kv: EtcdKv;
  readonly #keys: EtcdKeys;
  readonly #options: EtcdLogOptions;
  readonly #runtime: Runtime;
  readonly #closing: Closing;
  readonly #reading: LogReading;
  #term: Term | undefined;
  #compactedAtMs = -Infinity;

  constructor(options: EtcdLogOptions) {
    const { kv, prefix, runtime } = options;
    this.#options = options;
    this.#kv = kv;
    this.#runtime = runtime;
    this.#keys = new EtcdKeys(prefix);
    this.#closing = new Closing(runtime.timers);
    this.#reading = new LogReading(kv, this.#keys, this.#closing, runtime.clock);
  }

  async lead(nonce: Buffer, onLost: (why: string) => void = () => {}, gone?: NodeId): Promise<Led> {
    this.#closing.expectOpen();
    if (this.#term !== undefined) await this.resign(this.#term.fence);
    const { self, leaseMs } = this.#options;
    const [kv, keys, runtime, closing] = [this.#kv, this.#keys, this.#runtime, this.#closing];
    const election = await elect({ kv, keys, self, leaseMs, runtime, closing, gone }, nonce);
    if ('notNow' in election) return election;
    const fence: Fence = { nonce: Buffer.from(nonce), token: election.revision };
    this.#term = new Term({
      kv,
      runtime,
      fence,
      election,
      onLost: (why) => {
        this.#term = undefined;
        onLost(why);
      },
    });
    return this.#term.isHeld() ? { fence } : { notNow: 'the lease ran out while the role was taken' };
  }

  async resign(fence: Fence): Promise<void> {
    const term = this.#termOf(fence);
    term?.end();
    if (this.#term === term) this.#term = undefined;
    const work = this.#giveUp(fence, term).catch((error: unknown) =>
      this.#runtime.logger.debug({ error }, 'the role could not be given up; its lease runs out'),
    );
    await Promise.race([work, delay(this.#runtime.timers, resignMsMax)]);
  }

  async #giveUp(fence: Fence, term: Term | undefined): Promise<void> {
    await this.#kv.txn({
      compare: [{ key: this.#keys.leader, revision: 'mod', is: '=', than: termRevision(fence) }],
      success: [{ delete: { key: this.#keys.leader } }],
      failure: [],
    });
    // The role is free by now: nobody waits for what the lease alone still holds.
    if (term === undefined) return;
    this.#kv
      .revokeLease(term.lease)
      .catch((error: unknown) =>
        this.#runtime.logger.debug({ error }, 'a lease was not revoked; it runs out'),
      );
  }

  async append(fence: Fence, position: LogPosition, entry: Uint8Array): Promise<'durable' | 'deposed'> {
    this.#closing.expectOpen();
    const misfit = await this.#misfit(position, entry);
    if (misfit !== undefined) {
      const slot = await this.#closing.decided(() => this.#slot(position));
      const judgement = judge(slot, fence, entry);
      if (judgement === 'durable' || judgement === 'deposed')
        return this.#judged(fence, position, slot, entry);
      assert(false, misfit);
    }
    const txn = appendTxn(this.#keys, fence, position, entry);
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await this.#closing.until(this.#kv.txn(txn));
        if (!answer.succeeded) return this.#judged(fence, position, slotOf(answer.results), entry);
        this.#reading.learn(new KnownEntry(position, answer.revision, entry));
        return 'durable';
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        // An attempt before this one may be in the slot, or may come late.
        if (!saysNothing(error) && attempt > 0 && (await this.#settle(fence, position, entry)))
          return 'durable';
        if (isNoSpace(error)) throw new LogFull(fullMessage(error), { cause: error });
        if (!saysNothing(error)) throw error;
        this.#runtime.logger.debug({ error, position, attempt }, 'an append is in doubt; trying again');
      }
      await this.#closing.pause(attempt);
    }
  }

  #judged(fence: Fence, position: LogPosition, slot: Slot, entry: Uint8Array): 'durable' | 'deposed' {
    const judgement = judge(slot, fence, entry);
    switch (judgement) {
      case 'durable':
        this.#reading.learn(new KnownEntry(position, slot.present!.modRevision, entry));
        return 'durable';
      case 'deposed':
        this.#termOf(fence)?.lose('another sequencer has taken the role');
        return 'deposed';
      case 'no-predecessor':
        throw new Error(
          `entry ${position} does not follow the log in etcd: entry ${position - 1} is missing, and nobody else leads. ` +
            'Nothing is written until an operator has restored etcd or recovered the keyspace',
        );
      case 'free':
        throw new Error(`etcd refused entry ${position} although its transaction holds`);
      default:
        return assertNever(judgement);
    }
  }

  /** Why the entry is not the one that follows, by the entry before it; undefined also when that one is not there. */
  async #misfit(position: LogPosition, entry: Uint8Array): Promise<string | undefined> {
    const header = decodeEntryHeader(entry);
    assert(position === header.position, `entry ${header.position} is appended at position ${position}`);
    assert(position > 0, 'position 0 is the genesis, which is not appended');
    const { known } = this.#reading;
    const before = known?.position === position - 1 ? known : await this.#reading.entry(position - 1);
    if (before === undefined) return undefined;
    const { chainHash, seqno } = before.tail;
    if (!header.previousHash.equals(chainHash))
      return `entry ${position} does not follow the tail (chain hash)`;
    if (header.firstSeqno !== seqno + 1) return `seqno ${header.firstSeqno} does not follow ${seqno}`;
    return undefined;
  }

  async #slot(position: LogPosition): Promise<Slot> {
    const success = slotReads(this.#keys, position);
    return slotOf((await this.#kv.txn({ compare: [], success, failure: [] })).results);
  }

  /** Gives the role up, so that no earlier attempt can come late, and then looks: whether the entry is in the log. */
  async #settle(fence: Fence, position: LogPosition, entry: Uint8Array): Promise<boolean> {
    const term = this.#termOf(fence);
    term?.lose('etcd takes nothing more while an append is in doubt');
    for (let attempt = 0; ; attempt++) {
      if (term !== undefined) await this.#closing.until(this.#kv.revokeLease(term.lease)).catch(ignoreEtcd);
      const judgement = judge(await this.#closing.decided(() => this.#slot(position)), fence, entry);
      if (judgement === 'durable' || judgement === 'deposed') return judgement === 'durable';
      await this.#closing.pause(attempt);
    }
  }

  read(from: LogPosition, bytesMax: number): Promise<readonly Uint8Array[] | 'trimmed'> {
    return this.#reading.read(from, bytesMax);
  }

  async oldest(): Promise<LogPosition> {
    return (await this.#reading.oldest()) ?? logPosition(0);
  }

  /** Of who holds the role: rejects with RoleLost when it is no longer surely held, in the end. */
  async tail(near?: LogPosition): Promise<LogTail> {
    this.#closing.expectOpen();
    const term = this.#term;
    term?.expectHeld();
    const { tail, leader } = await this.#reading.tail(() => term?.isHeld() === false, near);
    if (term !== undefined && leader !== termRevision(term.fence))
      term.lose('another sequencer has taken the role');
    term?.expectHeld();
    return tail;
  }

  async trim(fence: Fence, upTo: LogPosition): Promise<'done' | 'deposed'> {
    this.#closing.expectOpen();
    const newest = this.#reading.known?.position ?? (await this.#reading.tail(() => false)).tail.position;
    const oldestKept = this.#keys.log(Math.max(0, Math.min(upTo, newest)));
    const { leader } = this.#keys;
    try {
      const { succeeded, revision, results } = await this.#closing.decided(() =>
        this.#kv.txn({
          compare: [
            { key: leader, revision: 'mod', is: '=', than: termRevision(fence) },
            { key: oldestKept, revision: 'create', is: '>', than: 0 },
          ],
          success: [{ delete: { key: this.#keys.logStart, end: oldestKept } }],
          failure: [{ range: { key: leader, keysOnly: true } }],
        }),
      );
      if (succeeded) this.#compact(revision);
      if (succeeded || results[0]?.[0]?.modRevision === termRevision(fence)) return 'done';
    } catch (error) {
      throw isNoSpace(error) ? new LogFull(fullMessage(error), { cause: error }) : error;
    }
    this.#termOf(fence)?.lose('another sequencer has taken the role');
    return 'deposed';
  }

  /** etcd keeps deleted values until it is told to forget them. Without waiting. */
  #compact(revision: number): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    if (nowMs - this.#compactedAtMs < compactEveryMs) return;
    this.#compactedAtMs = nowMs;
    this.#kv
      .compact(revision)
      .catch((error: unknown) => this.#runtime.logger.warn({ error }, 'etcd was not compacted'));
  }

  async close(): Promise<void> {
    this.#term?.end();
    this.#term = undefined;
    this.#closing.close();
  }

  #termOf(fence: Fence): Term | undefined {
    return this.#term?.fence.token === fence.token ? this.#term : undefined;
  }
}

function ignoreEtcd(error: unknown): void {
  if (!(error instanceof EtcdError)) throw error;
}
