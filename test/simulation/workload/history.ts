import { parseGtid, type Gtid } from '../../../src/model/gtid.js';
import type { TransactionId } from '../../../src/model/ids.js';
import type { Isolation } from '../../../src/model/write-set.js';
import type { Check, MutationRequest, ReadRequest } from '../../../src/transaction/service.js';
import { AppHistory } from './app-history.js';
import type { Observed } from './observed.js';
import type { Watched } from './watched.js';
import { Counts } from '../world/counts.js';
import type { SimNode } from '../world/sim-node.js';

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
  readonly apps = new AppHistory();
  readonly watched: Watched[] = [];
  readonly counts: Counts;
  readonly #known = new Map<string, number>();
  readonly #newestTokens = new Map<string, Carried>();

  constructor(counts = new Counts()) {
    this.counts = counts;
  }

  /** The newest seqno of the keyspace that any client (or, with a copy: any client of that copy) was told of. */
  known(keyspace: string, copy = ''): number {
    return this.#known.get(`${keyspace} ${copy}`) ?? 0;
  }

  tell(keyspace: string, copy: string, seqno: number): void {
    for (const at of [`${keyspace} `, `${keyspace} ${copy}`]) {
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
