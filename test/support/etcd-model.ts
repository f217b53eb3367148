import { assertNever } from '../../src/model/assert.js';
import {
  EtcdError,
  type EtcdCompare,
  type EtcdKeyValue,
  type EtcdKv,
  type EtcdLease,
  type EtcdOperation,
  type EtcdRange,
  type EtcdTxn,
  type EtcdTxnAnswer,
} from '../../src/ordering/etcd/etcd-kv.js';
import { EtcdCaller, type EtcdAnswer, type EtcdCall, type EtcdThrough } from './etcd-caller.js';
import { EtcdRoom } from './etcd-room.js';
import { KeyOrder } from './key-order.js';

export interface EtcdModelOptions {
  /** What etcd grants at least: it makes whole seconds of what was asked for, and not fewer than this. ms */
  readonly leaseMsMin?: number | undefined;
  /** Leases run out by it, judged before every call. Undefined: only `expire` ends one. */
  readonly clock?: { monotonicMs(): number } | undefined;
  /** Undefined: there is always room. */
  readonly quotaBytes?: number | undefined;
  /** Called for every change of a key, in order, as it is made. */
  readonly onChange?: ((change: EtcdChange) => void) | undefined;
}

/** `value` undefined: the key was deleted. */
export interface EtcdChange {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
  readonly revision: number;
}

interface Kept {
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly lease: string;
}

interface Lease {
  readonly ttlMs: number;
  readonly keys: Set<string>;
  /** When it was granted or last kept alive. ms */
  since: number;
}

/** etcd's own bounds, as it comes. */
const operationsMax = 128;
const requestBytesMax = 1.5 * 1024 * 1024;
const noLease = '0';

/**
 * etcd's semantics behind the port, as a state machine in memory: no time, no loss and no disorder but what it is given.
 * Keys in memory are latin1 strings, whose order is that of the bytes.
 */
export class EtcdModel {
  /** As etcd's of an empty database. */
  revision = 1;
  readonly room: EtcdRoom;
  readonly #options: EtcdModelOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #order = new KeyOrder();
  readonly #leases = new Map<string, Lease>();
  #leasesGranted = 0;

  constructor(options: EtcdModelOptions = {}) {
    this.#options = options;
    this.room = new EtcdRoom(options.quotaBytes);
  }

  /** A client whose calls execute at once; `through` stands around each execution and makes what goes wrong. */
  client(through?: EtcdThrough): EtcdKv {
    const execute = async (call: EtcdCall): Promise<EtcdAnswer> => {
      await Promise.resolve();
      return this.execute(call);
    };
    return new EtcdCaller(through === undefined ? execute : (call) => through(call, () => execute(call)));
  }

  /** One call from beginning to end; throws an EtcdError when etcd refuses it. */
  execute(call: EtcdCall): EtcdAnswer {
    this.expireDue();
    switch (call.kind) {
      case 'txn':
        return this.#txn(call.txn);
      case 'range':
        return this.#range(call.range);
      case 'grant':
        return this.#grant(call.ttlMs);
      case 'keep-alive':
        return this.#keepAlive(call.lease);
      case 'revoke':
        return this.expire(call.lease);
      case 'compact':
        return this.#compact(call.revision);
      default:
        return assertNever(call);
    }
  }

  /** Ends a lease, as if it had run out: its keys go, all in one revision. Of one that is not there: nothing. */
  expire(id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#leases.delete(id);
    if (lease.keys.size === 0) return;
    this.revision += 1;
    for (const key of [...lease.keys].sort()) this.#remove(key);
  }

  /** Ends the leases whose time is over by the clock; nothing without one. */
  expireDue(): void {
    const now = this.#options.clock?.monotonicMs();
    if (now === undefined) return;
    for (const [id, lease] of [...this.#leases]) if (now - lease.since >= lease.ttlMs) this.expire(id);
  }

  /** Every lease has its whole time again, as when etcd has elected another leader. */
  refreshLeases(): void {
    for (const lease of this.#leases.values()) lease.since = this.#nowMs();
  }

  leases(): readonly EtcdLease[] {
    return [...this.#leases].map(([id, { ttlMs }]) => ({ id, ttlMs }));
  }

  #nowMs(): number {
    return this.#options.clock?.monotonicMs() ?? 0;
  }

  #txn(txn: EtcdTxn): EtcdTxnAnswer {
    for (const branch of [txn.success, txn.failure]) checkBranch(branch);
    // etcd counts the branch that costs more, whichever will run.
    this.room.demand(Math.max(cost(txn.success), cost(txn.failure)));
    const succeeded = txn.compare.every((compare) => this.#holds(compare));
    const branch = succeeded ? txn.success : txn.failure;
    for (const operation of branch) if ('put' in operation) this.#leaseOf(operation.put.lease);
    const revision = this.revision + 1;
    let isChanged = false;
    const results = branch.map((operation) => {
      if ('range' in operation) return this.#range(operation.range);
      if ('put' in operation) {
        this.#put(operation.put, revision);
        isChanged = true;
      } else {
        const keys = this.#order.between(operation.delete.key, operation.delete.end);
        isChanged ||= keys.length > 0;
        for (const key of keys) this.#remove(key, revision);
      }
      return undefined;
    });
    if (isChanged) this.revision = revision;
    return { succeeded, revision: this.revision, results };
  }

  #holds({ key, revision, is, than }: EtcdCompare): boolean {
    const kept = this.#kept.get(key.toString('latin1'));
    const found = (revision === 'create' ? kept?.createRevision : kept?.modRevision) ?? 0;
    switch (is) {
      case '=':
        return found === than;
      case '>':
        return found > than;
      case '<':
        return found < than;
      default:
        return assertNever(is);
    }
  }

  #range({ key, end, limit = 0, keysOnly = false }: EtcdRange): readonly EtcdKeyValue[] {
    const keys = this.#order.between(key, end, limit === 0 ? Infinity : limit);
    return keys.map((name) => {
      const { value, createRevision, modRevision, lease } = this.#present(name);
      return {
        key: Buffer.from(name, 'latin1'),
        value: keysOnly ? Buffer.alloc(0) : Buffer.from(value),
        createRevision,
        modRevision,
        lease,
      };
    });
  }

  #put(put: { key: Buffer; value: Uint8Array; lease?: string | undefined }, revision: number): void {
    const name = put.key.toString('latin1');
    const before = this.#kept.get(name);
    if (before === undefined) this.#order.add(name);
    else this.#letGo(name, before, revision);
    const value = Buffer.from(put.value);
    const lease = put.lease ?? noLease;
    this.#kept.set(name, {
      value,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      lease,
    });
    this.#leaseOf(lease)?.keys.add(name);
    this.room.take(name.length + value.length);
    this.#options.onChange?.({ key: put.key, value, revision });
  }

  #remove(name: string, revision = this.revision): void {
    this.#letGo(name, this.#present(name), revision);
    this.#kept.delete(name);
    this.#order.remove(name);
    this.#options.onChange?.({ key: Buffer.from(name, 'latin1'), value: undefined, revision });
  }

  #letGo(name: string, { value, lease }: Kept, revision: number): void {
    this.room.supersede(name.length + value.length, revision);
    this.#leases.get(lease)?.keys.delete(name);
  }

  #present(name: string): Kept {
    const kept = this.#kept.get(name);
    if (kept === undefined) throw new Error(`the model has no key ${JSON.stringify(name)}`);
    return kept;
  }

  #leaseOf(id: string | undefined): Lease | undefined {
    if (id === undefined || id === noLease) return undefined;
    const lease = this.#leases.get(id);
    if (lease === undefined) throw new EtcdError('refused', 'etcdserver: requested lease not found');
    return lease;
  }

  #grant(ttlMs: number): EtcdLease {
    this.room.demand(1);
    const granted = Math.max(Math.ceil(ttlMs / 1000) * 1000, this.#options.leaseMsMin ?? 1000);
    this.#leasesGranted += 1;
    // Above 2^53, so that nobody takes an id for a number.
    const id = (0x7000_0000_0000_0000n + BigInt(this.#leasesGranted)).toString();
    this.#leases.set(id, { ttlMs: granted, keys: new Set(), since: this.#nowMs() });
    return { id, ttlMs: granted };
  }

  #keepAlive(id: string): number {
    const lease = this.#leases.get(id);
    if (lease === undefined) return 0;
    lease.since = this.#nowMs();
    return lease.ttlMs;
  }

  #compact(revision: number): void {
    if (revision > this.revision)
      throw new EtcdError('refused', 'etcdserver: mvcc: required revision is a future revision');
    this.room.compact(revision);
  }
}

function cost(branch: readonly EtcdOperation[]): number {
  let bytes = 0;
  for (const operation of branch)
    if ('put' in operation) bytes += operation.put.key.length + operation.put.value.length;
  return bytes;
}

/** What etcd refuses whatever the database holds. */
function checkBranch(branch: readonly EtcdOperation[]): void {
  const refuse = (why: string): never => {
    throw new EtcdError('refused', `etcdserver: ${why}`);
  };
  if (branch.length > operationsMax) refuse('too many operations in txn request');
  if (cost(branch) > requestBytesMax) refuse('request is too large');
  const puts = branch.flatMap((operation) => ('put' in operation ? [operation.put.key] : []));
  if (puts.some((key) => key.length === 0)) refuse('key is not provided');
  const once = new Set(puts.map((key) => key.toString('latin1')));
  const isDeleted = (key: Buffer): boolean =>
    branch.some((operation) => {
      if (!('delete' in operation)) return false;
      const { key: from, end } = operation.delete;
      return end === undefined ? key.equals(from) : from.compare(key) <= 0 && key.compare(end) < 0;
    });
  if (once.size < puts.length || puts.some(isDeleted)) refuse('duplicate key given in txn request');
}
