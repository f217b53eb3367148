import { decodeEntryHeader } from '../../../src/model/entry.js';
import type { EtcdTxn } from '../../../src/ordering/etcd/etcd-kv.js';
import type { EtcdAnswer, EtcdCall } from '../../support/etcd-caller.js';
import type { EtcdChange, EtcdModel } from '../../support/etcd-model.js';
import type { Counts } from './counts.js';
import { partsOf, slotKey } from './etcd-keys.js';
import type { Incarnation } from './incarnation.js';
import type { WrittenLogs } from './written-logs.js';

interface Append {
  readonly keyspace: string;
  readonly position: number;
  readonly bytes: Buffer;
}

/** Who led last, and why not any more. */
interface Ended {
  readonly node: string;
  readonly how: 'died' | 'lost its lease' | 'resigned';
}

export interface Watching {
  readonly model: EtcdModel;
  readonly written: WrittenLogs;
  readonly violations: string[];
  readonly counts: Counts;
  /** Whether a node is of the region that a keyspace is at home in. */
  readonly isAtHome: (node: string, keyspace: string) => boolean;
  /** What is wrong with an entry that goes from etcd now. */
  readonly heldAfterTrim: (keyspace: string, position: number) => string[];
}

/**
 * Hears of everything that is done to the logs in etcd, as it is done: what must never be is noted at once, and what ought
 * to happen now and then is counted.
 */
export class SharedLogs {
  readonly #watching: Watching;
  /** Whose call is executed now, or whose lease runs out. */
  #by: Incarnation | undefined;
  #isExpiring = false;
  readonly #leaders = new Map<string, { readonly value: Buffer; readonly by: Incarnation }>();
  readonly #ended = new Map<string, Ended>();
  readonly #keptBytes = new Map<string, number>();
  readonly #slotBytes = new Map<string, number>();
  /** The seqno that each keyspace's newest term began with. */
  readonly #beganAt = new Map<string, number>();
  /** Appends whose answer was lost, by node and keyspace. */
  readonly #doubtful = new Map<string, Append>();

  constructor(watching: Watching) {
    this.#watching = watching;
  }

  /** The life that leads a keyspace, by etcd's word; undefined when none does. */
  leaderOf(keyspace: string): Incarnation | undefined {
    return this.#leaders.get(keyspace)?.by;
  }

  /** What is kept in etcd of a keyspace's entries now. */
  keptBytesOf(keyspace: string): number {
    return this.#keptBytes.get(keyspace) ?? 0;
  }

  /** The lowest position that is kept in etcd. */
  oldestOf(keyspace: string): number {
    return this.#watching.written.of(keyspace).oldest;
  }

  /** Whether a transaction is of a term that is over. */
  isOfEarlierTerm(keyspace: string, seqno: number): boolean {
    return seqno < (this.#beganAt.get(keyspace) ?? 0);
  }

  /** Stands around an execution, or the end of a lease. */
  during<T>(by: Incarnation, isExpiring: boolean, work: () => T): T {
    this.#by = by;
    this.#isExpiring = isExpiring;
    try {
      return work();
    } finally {
      this.#by = undefined;
    }
  }

  /** A key changes, while something is executed. */
  changed({ key, value, revision }: EtcdChange): void {
    const parts = partsOf(key);
    if (parts?.kind === 'leader') this.#led(parts.keyspace, value);
    else if (parts?.kind === 'log') this.#wrote(parts.keyspace, parts.position, value, revision);
  }

  /** A call was executed; of an append that did not happen, why. */
  executed(life: Incarnation, call: EtcdCall, answer: EtcdAnswer): void {
    if (call.kind !== 'txn') return;
    const append = appendOf(call.txn);
    if (append === undefined) return this.#countTrim(call.txn, answer);
    const { counts } = this.#watching;
    const { succeeded } = answer as { succeeded: boolean };
    const about = `${life.node}/${append.keyspace}`;
    const doubtful = this.#doubtful.get(about);
    const isRepeated = doubtful?.position === append.position && doubtful.bytes.equals(append.bytes);
    if (!succeeded && this.#leaders.get(append.keyspace)?.by !== life)
      counts.add('deposed with an append in flight');
    if (!isRepeated) return;
    const slot = this.#slotOf(append);
    if (succeeded) counts.add('append after a lost answer: the slot is empty');
    else if (slot?.equals(append.bytes) === true) counts.add('append after a lost answer: the slot is ours');
    else if (slot !== undefined) counts.add("append after a lost answer: the slot is a successor's");
    this.#doubtful.delete(about);
  }

  /** What the caller is not told. */
  unanswered(life: Incarnation, call: EtcdCall): void {
    const append = call.kind === 'txn' ? appendOf(call.txn) : undefined;
    if (append !== undefined) this.#doubtful.set(`${life.node}/${append.keyspace}`, append);
  }

  #led(keyspace: string, value: Buffer | undefined): void {
    const by = this.#by;
    if (by === undefined) throw new Error('nobody changes who leads');
    const before = this.#leaders.get(keyspace);
    if (before !== undefined) {
      const isResigned = before.by === by && !this.#isExpiring;
      const how = isResigned ? 'resigned' : before.by.alive ? 'lost its lease' : 'died';
      this.#ended.set(keyspace, { node: before.by.node, how });
    }
    this.#leaders.delete(keyspace);
    if (value === undefined) return;
    this.#leaders.set(keyspace, { value, by });
    this.#countSuccession(keyspace, by.node);
  }

  #countSuccession(keyspace: string, node: string): void {
    const { counts, isAtHome } = this.#watching;
    const ended = this.#ended.get(keyspace);
    counts.add('terms of shared logs');
    if (ended === undefined || ended.node === node) return;
    if (ended.how === 'died') counts.add('failovers: the sequencer died');
    else if (ended.how === 'lost its lease') counts.add('failovers: a living sequencer lost its lease');
    else if (isAtHome(node, keyspace)) counts.add('handovers: home');
    else counts.add('handovers: away');
  }

  #wrote(keyspace: string, position: number, value: Buffer | undefined, revision: number): void {
    const { written, violations } = this.#watching;
    const slot = `${keyspace}/${position}`;
    const kept = this.keptBytesOf(keyspace) + (value?.length ?? 0) - (this.#slotBytes.get(slot) ?? 0);
    this.#keptBytes.set(keyspace, kept);
    if (value === undefined) this.#slotBytes.delete(slot);
    else this.#slotBytes.set(slot, value.length);
    const note = (problems: string[]): unknown =>
      violations.push(...problems.map((what) => `${keyspace}: ${what}`));
    if (value === undefined) {
      note(written.of(keyspace).trimmed(position));
      return void note(this.#watching.heldAfterTrim(keyspace, position));
    }
    const leader = this.#leaders.get(keyspace)?.value;
    const { nonce, kind, firstSeqno } = decodeEntryHeader(value);
    if (kind === 'barrier') this.#beganAt.set(keyspace, firstSeqno);
    if (kind !== 'genesis' && (leader === undefined || !tells(leader, nonce)))
      violations.push(
        `${keyspace}: entry ${position} is written by who does not lead, at revision ${revision}`,
      );
    note(written.of(keyspace).appended(position, value));
  }

  #slotOf({ keyspace, position }: Append): Buffer | undefined {
    const key = slotKey(keyspace, position);
    const found = this.#watching.model.execute({ kind: 'range', range: { key } });
    return (found as readonly { readonly value: Buffer }[])[0]?.value;
  }

  #countTrim(txn: EtcdTxn, answer: EtcdAnswer): void {
    if (trimOf(txn) !== undefined && (answer as { succeeded: boolean }).succeeded)
      this.#watching.counts.add('trims of shared logs');
  }
}

/** The entry that a transaction puts into a log. */
export function appendOf({ success }: EtcdTxn): Append | undefined {
  for (const one of success) {
    const parts = 'put' in one ? partsOf(one.put.key) : undefined;
    if (parts?.kind === 'log' && 'put' in one)
      return { keyspace: parts.keyspace, position: parts.position, bytes: Buffer.from(one.put.value) };
  }
  return undefined;
}

/** The log that a transaction trims, and the oldest position that it leaves. */
export function trimOf({ success }: EtcdTxn): Omit<Append, 'bytes'> | undefined {
  for (const one of success) {
    const end = 'delete' in one ? one.delete.end : undefined;
    const parts = end === undefined ? undefined : partsOf(end);
    if (parts?.kind === 'log') return { keyspace: parts.keyspace, position: parts.position };
  }
  return undefined;
}

function tells(leader: Buffer, nonce: Buffer): boolean {
  return (
    leader.includes(nonce) ||
    leader.includes(nonce.toString('hex')) ||
    leader.includes(nonce.toString('base64'))
  );
}
