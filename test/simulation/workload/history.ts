import { parseGtid, type Gtid } from '../../../src/model/gtid.js';
import type { TransactionId } from '../../../src/model/ids.js';
import type { Key, KeyRange } from '../../../src/model/keys.js';
import type { VersionedValue } from '../../../src/model/value.js';
import type { Isolation } from '../../../src/model/write-set.js';
import type { Check, ListPage, MutationRequest, ReadRequest } from '../../../src/transaction/service.js';
import { Counts } from '../world/counts.js';
import type { SimNode } from '../world/sim-node.js';

/** A value as a client saw it: who wrote it, and what it holds in one text. */
export interface Seen {
  readonly version: number;
  readonly text: string;
}

/** What a read showed; of a range, the part that was scanned. */
export type Observed =
  | { readonly kind: 'key'; readonly key: Key; readonly seen: Seen | undefined }
  | {
      readonly kind: 'range';
      readonly range: KeyRange;
      readonly entries: readonly { key: Key; seen: Seen }[];
    };

/** The final word on an id, as a client was given it. */
export type Word =
  | {
      readonly kind: 'committed';
      readonly seqno: number;
      readonly results: readonly (bigint | null)[] | undefined;
    }
  | { readonly kind: 'not-committed'; readonly code: string }
  /** Older than the kept outcomes: nobody will ever be told. */
  | { readonly kind: 'too-old' };

/** A transaction with writes that a client has sent, or may have sent. */
export interface Sent {
  readonly keyspace: string;
  readonly id: TransactionId;
  readonly isolation: Isolation;
  readonly mutations: readonly MutationRequest[];
  readonly checks: readonly Check[];
  /** Of a one-shot, answered in this order. */
  readonly requested: readonly ReadRequest[];
  /** Everything up to here was known to some client before it began. */
  readonly knownBefore: number;
  /** Of an interactive one; of a one-shot the log tells. */
  readonly snapshot: number | undefined;
  /** By its token and the causal flag a one-shot's snapshot is not below this. */
  snapshotMin: number;
  readonly reads: Observed[];
  readonly words: Word[];
}

/** A causality token and the node that told it. */
export interface Carried {
  readonly token: Gtid;
  readonly toldBy: SimNode;
}

/** A read outside of transactions that write. */
export interface ReadOnly {
  readonly keyspace: string;
  readonly snapshot: number;
  readonly reads: readonly Observed[];
}

/** Everything that the clients of a world were told, for the checks. What is wrong at once is noted at once. */
export class History {
  readonly sent: Sent[] = [];
  readonly readOnly: ReadOnly[] = [];
  readonly violations: string[] = [];
  readonly counts: Counts;
  readonly #known = new Map<string, number>();
  readonly #newestTokens = new Map<string, Carried>();

  constructor(counts = new Counts()) {
    this.counts = counts;
  }

  /** The newest seqno of the keyspace that any client (or, with a node: any client of that node) was told of. */
  known(keyspace: string, node = ''): number {
    return this.#known.get(`${keyspace} ${node}`) ?? 0;
  }

  tell(keyspace: string, node: string, seqno: number): void {
    for (const at of [`${keyspace} `, `${keyspace} ${node}`]) {
      this.#known.set(at, Math.max(this.#known.get(at) ?? 0, seqno));
    }
  }

  /** The newest token that any client holds. */
  newestToken(keyspace: string): Carried | undefined {
    return this.#newestTokens.get(keyspace);
  }

  carry(keyspace: string, carried: Carried): void {
    const before = this.#newestTokens.get(keyspace)?.token;
    if (before === undefined || parseGtid(carried.token)!.seqno > parseGtid(before)!.seqno)
      this.#newestTokens.set(keyspace, carried);
  }

  count(what: string, by = 1): void {
    this.counts.add(what, by);
  }

  expect(holds: boolean, otherwise: () => string): void {
    if (!holds) this.violations.push(otherwise());
  }
}

export function seen(value: VersionedValue | undefined): Seen | undefined {
  if (value === undefined) return undefined;
  const text =
    value.value.kind === 'counter'
      ? `counter ${value.value.count}`
      : `bytes ${Buffer.from(value.value.bytes).toString()}`;
  return { version: value.version, text };
}

/** A page of a range as what it says of the keys that it scanned. */
export function observedRange(
  range: KeyRange,
  page: Pick<ListPage, 'entries' | 'rest'>,
  reverse: boolean,
): Observed {
  const { rest } = page;
  let scanned = range;
  if (rest !== undefined) {
    scanned = reverse ? { start: rest.end!, end: range.end } : { start: range.start, end: rest.start };
  }
  return {
    kind: 'range',
    range: scanned,
    entries: page.entries.map(({ key, value }) => ({ key, seen: seen(value)! })),
  };
}
