import { createHash } from 'node:crypto';
import { decodeEntry, type Entry } from '../../../src/model/entry.js';
import type { TransactionId } from '../../../src/model/ids.js';
import type { Key, KeyRange } from '../../../src/model/keys.js';
import { decodeWriteSet, type Mutation, type WriteSet } from '../../../src/model/write-set.js';
import type { Seen } from '../workload/observed.js';

interface Version extends Seen {
  readonly expiresAtMs: number;
}

export interface Replayed {
  readonly seqno: number;
  readonly writeSet: WriteSet;
  readonly results: readonly (bigint | null)[];
  readonly logTimeMs: number;
}

/**
 * A keyspace's log, executed once more, one transaction after another, by code of its own: every state that ever was.
 * Knows nothing of certification, stores or batches.
 */
export class ReplayedLog {
  /** Place n−1 holds the transaction of seqno n. */
  readonly transactions: Replayed[] = [];
  readonly byId = new Map<TransactionId, Replayed>();
  readonly tombstones = new Map<TransactionId, string>();
  readonly problems: string[] = [];
  epoch = 0;
  /** Ids made before it may have lost their outcome. */
  idFloorMs = 0;
  /** Of each key, what it held from which seqno on; undefined: absent. */
  readonly #versions = new Map<Key, { readonly from: number; readonly held: Version | undefined }[]>();
  /** Of every entry, by position. */
  readonly #hashes: Buffer[] = [];
  #last: Entry | undefined;

  add(bytes: Uint8Array): void {
    const entry = decodeEntry(bytes);
    this.#followsLast(entry);
    this.#last = entry;
    this.#hashes.push(createHash('sha256').update(bytes).digest());
    this.epoch = entry.epoch;
    if ('idFloorMs' in entry.content) this.#raiseFloor(entry.content.idFloorMs);
    if (entry.content.kind !== 'batch') return;
    for (const item of entry.content.items) {
      if (item.kind === 'tombstone') this.#bury(item.id, item.outcome.code);
      else this.#execute(decodeWriteSet(item.writeSet), entry.logTimeMs);
    }
  }

  /** Of the entry at that position: the chain up to it. */
  hashAt(position: number): Buffer | undefined {
    return this.#hashes[position];
  }

  /** What a key held after the transaction of that seqno. */
  at(key: Key, seqno: number): Seen | undefined {
    const versions = this.#versions.get(key) ?? [];
    const version = versions.findLast(({ from }) => from <= seqno)?.held;
    return version === undefined ? undefined : { version: version.version, text: version.text };
  }

  rangeAt({ start, end }: KeyRange, seqno: number): { key: Key; seen: Seen }[] {
    return [...this.#versions.keys()]
      .filter((key) => start <= key && (end === undefined || key < end))
      .sort()
      .map((key) => ({ key, seen: this.at(key, seqno) }))
      .filter((entry): entry is { key: Key; seen: Seen } => entry.seen !== undefined);
  }

  /** Of its last entry; −1: it is empty. */
  get newest(): number {
    return this.#last?.position ?? -1;
  }

  get tail(): number {
    return this.transactions.length;
  }

  #followsLast(entry: Entry): void {
    const last = this.#last;
    const position = last === undefined ? 0 : last.position + 1;
    const problem = (what: string): void => void this.problems.push(`entry ${entry.position}: ${what}`);
    if (entry.position !== position) problem(`${position} was expected`);
    if (last === undefined) return;
    if (!this.#hashes.at(-1)!.equals(entry.previousHash)) problem('the chain is broken');
    if (entry.logTimeMs < last.logTimeMs) problem('log time goes back');
    if (entry.firstSeqno !== this.tail + 1) problem(`seqno ${this.tail + 1} was expected`);
    const epoch = last.epoch + (entry.kind === 'barrier' ? 1 : 0);
    if (entry.kind !== 'barrier' && last.kind !== 'genesis' && !entry.nonce.equals(last.nonce))
      problem('another writer within an epoch');
    if (entry.epoch !== epoch) problem(`epoch ${epoch} was expected, not ${entry.epoch}`);
  }

  #raiseFloor(toMs: number): void {
    if (toMs < this.idFloorMs) this.problems.push(`the id floor falls from ${this.idFloorMs} to ${toMs}`);
    this.idFloorMs = toMs;
  }

  #bury(id: TransactionId, code: string): void {
    if (this.tombstones.has(id) || this.byId.has(id)) this.problems.push(`${id} has two outcomes`);
    this.tombstones.set(id, code);
  }

  #execute(writeSet: WriteSet, logTimeMs: number): void {
    const { id } = writeSet;
    if (this.tombstones.has(id) || this.byId.has(id)) this.problems.push(`${id} has two outcomes`);
    const seqno = this.tail + 1;
    const results = writeSet.mutations.map((mutation) => this.#mutate(mutation, seqno, logTimeMs));
    const replayed = { seqno, writeSet, results, logTimeMs };
    this.transactions.push(replayed);
    this.byId.set(id, replayed);
  }

  #mutate(mutation: Mutation, seqno: number, logTimeMs: number): bigint | null {
    if (mutation.kind === 'deleteRange') {
      for (const { key } of this.rangeAt(mutation.range, seqno)) this.#put(key, seqno, undefined);
      return null;
    }
    const { key } = mutation;
    const held = this.#versions.get(key)?.at(-1)?.held;
    if (mutation.kind === 'expire') {
      const isDue = held !== undefined && held.expiresAtMs <= logTimeMs;
      if (isDue) this.#put(key, seqno, undefined);
      return isDue ? 1n : 0n;
    }
    if (mutation.kind === 'delete') {
      this.#put(key, seqno, undefined);
      return null;
    }
    const expiresAtMs = mutation.ttlMs > 0 ? logTimeMs + mutation.ttlMs : Infinity;
    if (mutation.kind === 'set') {
      const text = `bytes ${Buffer.from(mutation.bytes).toString()}`;
      this.#put(key, seqno, { version: seqno, text, expiresAtMs });
      return null;
    }
    if (held?.text.startsWith('bytes')) this.problems.push(`${mutation.kind} at seqno ${seqno} meets bytes`);
    const before = held?.text.startsWith('counter ') ? BigInt(held.text.slice(8)) : undefined;
    const after = combine(mutation.kind, before, mutation.operand);
    const keptMs = mutation.ttlMs > 0 ? expiresAtMs : (held?.expiresAtMs ?? Infinity);
    this.#put(key, seqno, { version: seqno, text: `counter ${after}`, expiresAtMs: keptMs });
    return after;
  }

  #put(key: Key, seqno: number, held: Version | undefined): void {
    const versions = this.#versions.get(key) ?? [];
    versions.push({ from: seqno, held });
    this.#versions.set(key, versions);
  }
}

function combine(kind: 'sum' | 'min' | 'max', before: bigint | undefined, operand: bigint): bigint {
  if (before === undefined) return operand;
  if (kind === 'sum') return before + operand;
  const smaller = before < operand ? before : operand;
  return kind === 'min' ? smaller : before + operand - smaller;
}
