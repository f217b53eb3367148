/**
 * Judges transactions by replaying the complete history for every question, naively. It shares no code with
 * src/certification: its keys are bytes compared by Buffer.compare, it has no index, no window, no ranges cut in pieces.
 */
export interface Scan {
  readonly start: Uint8Array;
  /** Exclusive; undefined: to the last key. */
  readonly end: Uint8Array | undefined;
}

export type Operation =
  | { readonly kind: 'put'; readonly key: Uint8Array }
  | { readonly kind: 'add'; readonly key: Uint8Array }
  | { readonly kind: 'clear'; readonly scan: Scan };

export interface JudgedTransaction {
  readonly isolation: 'serializable' | 'snapshot';
  readonly snapshot: number | undefined;
  readonly operations: readonly Operation[];
  readonly reads: readonly Uint8Array[];
  readonly scans: readonly Scan[];
  readonly checks: readonly Uint8Array[];
}

export interface Loss {
  readonly key: Uint8Array;
  readonly winner: number;
}

export type Judgement =
  | { readonly kind: 'commit' }
  | { readonly kind: 'conflict'; readonly loss: Loss }
  | { readonly kind: 'snapshot-too-old'; readonly oldest: number }
  | { readonly kind: 'snapshot-ahead'; readonly tail: number };

export interface OracleBounds {
  readonly transactionsMax: number;
  readonly keysMax: number;
  readonly deletedRangesMax: number;
}

export function contains(scan: Scan, key: Uint8Array): boolean {
  return (
    Buffer.compare(scan.start, key) <= 0 && (scan.end === undefined || Buffer.compare(key, scan.end) < 0)
  );
}

export function touches(operation: Operation, key: Uint8Array): boolean {
  return operation.kind === 'clear'
    ? contains(operation.scan, key)
    : Buffer.compare(operation.key, key) === 0;
}

export class CertificationOracle {
  /** The operations of the commits 1, 2, 3 … */
  readonly history: (readonly Operation[])[] = [];

  get tail(): number {
    return this.history.length;
  }

  /** The seqno before the longest end of the history that stays within the bounds. */
  floor(bounds: OracleBounds): number {
    let keys = 0;
    let deletedRanges = 0;
    for (let back = 0; back < this.tail; back++) {
      for (const operation of this.history[this.tail - 1 - back]!) {
        if (operation.kind !== 'clear') keys++;
        else if (contains(operation.scan, operation.scan.start)) deletedRanges++;
      }
      const exceeded =
        back + 1 > bounds.transactionsMax || keys > bounds.keysMax || deletedRanges > bounds.deletedRangesMax;
      if (exceeded) return this.tail - back;
    }
    return 0;
  }

  judge(transaction: JudgedTransaction, bounds: OracleBounds): Judgement {
    const { snapshot, operations } = transaction;
    if (snapshot !== undefined && snapshot > this.tail) return { kind: 'snapshot-ahead', tail: this.tail };
    const onlyPuts = operations.every((operation) => operation.kind === 'put');
    const readsNothing =
      transaction.reads.length + transaction.scans.length + transaction.checks.length === 0;
    if (transaction.isolation === 'serializable' && onlyPuts && readsNothing) return { kind: 'commit' };
    if (snapshot! < this.floor(bounds)) return { kind: 'snapshot-too-old', oldest: this.floor(bounds) };
    const loss = this.losses(transaction)[0];
    return loss === undefined ? { kind: 'commit' } : { kind: 'conflict', loss };
  }

  /** Everything that the transaction depends on and that has changed since its snapshot, whatever the floor. */
  losses(transaction: JudgedTransaction): Loss[] {
    const { isolation, operations, reads, scans, checks } = transaction;
    const snapshot = transaction.snapshot ?? this.tail;
    const keys = this.mentionedKeys(transaction);
    const within = (scan: Scan) => keys.filter((key) => contains(scan, key));
    const changed: Loss[] = [];
    const depend = (
      on: readonly Uint8Array[],
      kinds: readonly Operation['kind'][] = ['put', 'add', 'clear'],
    ) => {
      for (const key of on) {
        const winner = this.versionAt(this.tail, key, kinds);
        if (winner !== this.versionAt(snapshot, key, kinds)) changed.push({ key, winner });
      }
    };
    if (isolation === 'serializable') {
      depend(reads);
      depend(keys.filter((key) => scans.some((scan) => contains(scan, key))));
    }
    depend(checks);
    for (const operation of operations) {
      if (operation.kind === 'add') depend([operation.key], ['put', 'clear']);
      else if (isolation === 'snapshot')
        depend(operation.kind === 'put' ? [operation.key] : within(operation.scan));
    }
    return changed;
  }

  /** The last commit up to `seqno` with an operation of one of these kinds on the key; 0 when there is none. */
  private versionAt(seqno: number, key: Uint8Array, kinds: readonly Operation['kind'][]): number {
    let version = 0;
    for (let at = 1; at <= seqno; at++) {
      const changes = this.history[at - 1]!.some(
        (operation) => kinds.includes(operation.kind) && touches(operation, key),
      );
      if (changes) version = at;
    }
    return version;
  }

  /**
   * The keys that matter, ascending: all that are written, read or begin a range. Two ranges overlap exactly when one
   * of their starts lies in both, and the smallest common key is such a start.
   */
  private mentionedKeys(transaction: JudgedTransaction): Uint8Array[] {
    const operations = [...this.history.flat(), ...transaction.operations];
    const keys = [
      ...operations.map((operation) => (operation.kind === 'clear' ? operation.scan.start : operation.key)),
      ...transaction.scans.map((scan) => scan.start),
      ...transaction.reads,
      ...transaction.checks,
    ];
    return keys.sort(Buffer.compare);
  }
}
