import { zeroHash } from '../../model/entry.js';
import { epoch, type LogPosition } from '../../model/ids.js';
import type { Clock } from '../../runtime/runtime.js';
import type { LogTail } from '../ordered-log.js';
import type { Closing } from './closing.js';
import type { EtcdKeys } from './etcd-keys.js';
import { EtcdError, type EtcdKeyValue, type EtcdKv, type EtcdOperation } from './etcd-kv.js';
import { KnownEntry } from './known-entry.js';

/** How long a reader waits for an etcd that says nothing. ms */
const patienceMs = 5000;
/** Keys that one step upward to the tail covers, at first and at most. */
const stepKeysMin = 64;
const stepKeysMax = 8192;
/** Entries on one page of a read, at most. */
const pageEntriesMax = 1024;
/** Of an entry, before any was read. */
const entryBytesGuess = 64 * 1024;

const emptyTail: LogTail = { position: -1, seqno: 0, epoch: epoch(0), chainHash: zeroHash };

/** The log's end, and the leader key's mod_revision (0: nobody leads), as one moment saw them. */
export interface SeenTail {
  readonly tail: LogTail;
  readonly leader: number;
}

interface Page {
  readonly found: readonly EtcdKeyValue[];
  readonly isPredecessorThere: boolean;
}

/** Reads of the log at etcd's current revision, so that no compaction is ever in the way. Positions are dense: no gaps. */
export class LogReading {
  readonly #kv: EtcdKv;
  readonly #keys: EtcdKeys;
  readonly #closing: Closing;
  readonly #clock: Clock;
  #known: KnownEntry | undefined;
  #entryBytes = entryBytesGuess;

  constructor(kv: EtcdKv, keys: EtcdKeys, closing: Closing, clock: Clock) {
    this.#kv = kv;
    this.#keys = keys;
    this.#closing = closing;
    this.#clock = clock;
  }

  /** The newest entry that was seen or written here. */
  get known(): KnownEntry | undefined {
    return this.#known;
  }

  learn(entry: KnownEntry): void {
    if (entry.modRevision > (this.#known?.modRevision ?? 0)) this.#known = entry;
  }

  async entry(position: number): Promise<KnownEntry | undefined> {
    const [found] = await this.#decided(() => this.#kv.range({ key: this.#keys.log(position) }));
    return found === undefined ? undefined : this.#knownOf(found);
  }

  async oldest(): Promise<LogPosition | undefined> {
    const { logStart: key, logEnd: end } = this.#keys;
    const [found] = await this.#decided(() => this.#kv.range({ key, end, limit: 1, keysOnly: true }));
    return found === undefined ? undefined : this.#keys.positionOf(found.key);
  }

  async read(from: LogPosition, bytesMax: number): Promise<readonly Uint8Array[] | 'trimmed'> {
    const entries: Uint8Array[] = [];
    for (let bytes = 0; ;) {
      const next = from + entries.length;
      const asked = this.#pageEntries(bytesMax - bytes);
      const { found, isPredecessorThere } = await this.#page(next, asked);
      const isNextThere = found[0] !== undefined && this.#keys.positionOf(found[0].key) === next;
      if (!isNextThere && entries.length > 0) return entries;
      if (!isNextThere) return isPredecessorThere ? [] : await this.#trimmedOrAhead(from);
      for (const { value } of found) {
        bytes += value.length;
        if (entries.length > 0 && bytes > bytesMax) return entries;
        entries.push(value);
      }
      this.learn(this.#knownOf(found.at(-1)!));
      if (bytes >= bytesMax || found.length < asked) return entries;
    }
  }

  /**
   * The tail at a moment after the call; `isOver` ends the asking of an etcd that says nothing early. Looks upward from the newest
   * entry that was seen here, from `near` when that is further up, or else from the oldest.
   */
  async tail(isOver: () => boolean, near: number = 0): Promise<SeenTail> {
    let at = this.#known;
    if (near > (at?.position ?? 0)) at = (await this.entry(near)) ?? at;
    for (let stepKeys = stepKeysMin; ; stepKeys = Math.min(stepKeys * 4, stepKeysMax)) {
      if (at === undefined) {
        const [oldest, leader] = await this.#decided(() => this.#oldestEntry(), isOver);
        if (oldest === undefined) return { tail: emptyTail, leader };
        at = this.#knownOf(oldest);
      }
      const { position, modRevision } = at;
      const [found, leader] = await this.#decided(() => this.#step(position, stepKeys), isOver);
      if (found[0]?.modRevision !== modRevision) {
        // Trimmed, or of a history that was replaced.
        if (this.#known === at) this.#known = undefined;
        at = undefined;
        continue;
      }
      const last = this.#keys.positionOf(found.at(-1)!.key);
      at = last === position ? at : await this.entry(last);
      if (at === undefined) continue;
      this.learn(at);
      if (found.length < stepKeys) return { tail: at.tail, leader };
    }
  }

  #oldestEntry(): Promise<readonly [EtcdKeyValue | undefined, number]> {
    const { logStart: key, logEnd: end } = this.#keys;
    return this.#withLeader({ range: { key, end, limit: 1 } }).then(([found, leader]) => [found[0], leader]);
  }

  #step(from: number, count: number): Promise<readonly [readonly EtcdKeyValue[], number]> {
    const [key, end] = [this.#keys.log(from), this.#keys.log(from + count)];
    return this.#withLeader({ range: { key, end, keysOnly: true } });
  }

  /** What `read` finds, and who leads at that moment. */
  async #withLeader(read: EtcdOperation): Promise<readonly [readonly EtcdKeyValue[], number]> {
    const leader: EtcdOperation = { range: { key: this.#keys.leader, keysOnly: true } };
    const { results } = await this.#kv.txn({ compare: [], success: [read, leader], failure: [] });
    return [results[0] ?? [], results[1]?.[0]?.modRevision ?? 0];
  }

  #pageEntries(bytes: number): number {
    return Math.min(Math.max(1, Math.ceil(bytes / this.#entryBytes)), pageEntriesMax);
  }

  /** Up to `count` entries from `from` on, fewer when they are larger than this client takes in one answer. */
  async #page(from: number, count: number): Promise<Page> {
    const range = { key: this.#keys.log(from), end: this.#keys.log(from + count) };
    const before = { key: this.#keys.log(Math.max(0, from - 1)), keysOnly: true };
    const success = [{ range }, { range: before }];
    try {
      const answer = await this.#decided(() => this.#kv.txn({ compare: [], success, failure: [] }));
      const found = answer.results[0] ?? [];
      const bytes = found.reduce((sum, { value }) => sum + value.length, 0);
      if (found.length > 0) this.#entryBytes = Math.max(1, bytes / found.length);
      return { found, isPredecessorThere: from > 0 && answer.results[1]?.[0] !== undefined };
    } catch (error) {
      if (!(error instanceof EtcdError && error.problem === 'refused') || count === 1) throw error;
      return this.#page(from, Math.ceil(count / 8));
    }
  }

  async #trimmedOrAhead(from: LogPosition): Promise<readonly Uint8Array[] | 'trimmed'> {
    const oldest = await this.oldest();
    return oldest !== undefined && from < oldest ? 'trimmed' : [];
  }

  #knownOf({ key, value, modRevision }: EtcdKeyValue): KnownEntry {
    return new KnownEntry(this.#keys.positionOf(key), modRevision, value);
  }

  #decided<T>(ask: () => Promise<T>, isOver: () => boolean = () => false): Promise<T> {
    const untilMs = this.#clock.monotonicMs() + patienceMs;
    return this.#closing.decided(ask, () => isOver() || this.#clock.monotonicMs() >= untilMs);
  }
}
