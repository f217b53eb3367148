import {
  EtcdError,
  type EtcdKeyValue,
  type EtcdKv,
  type EtcdLease,
  type EtcdRange,
  type EtcdTxn,
  type EtcdTxnAnswer,
} from '../../src/ordering/etcd/etcd-kv.js';

export type EtcdCall =
  | { readonly kind: 'txn'; readonly txn: EtcdTxn }
  | { readonly kind: 'range'; readonly range: EtcdRange }
  | { readonly kind: 'grant'; readonly ttlMs: number }
  | { readonly kind: 'keep-alive'; readonly lease: string }
  | { readonly kind: 'revoke'; readonly lease: string }
  | { readonly kind: 'compact'; readonly revision: number };

export type EtcdAnswer = EtcdTxnAnswer | readonly EtcdKeyValue[] | EtcdLease | number | void;

/**
 * Stands around the execution of a call. It may wait before or after `execute`, throw instead of it or after it (an
 * EtcdError 'unknown': lost before, answer lost), or answer first and execute later (a request that comes late).
 */
export type EtcdThrough = (call: EtcdCall, execute: () => Promise<EtcdAnswer>) => Promise<EtcdAnswer>;

/** The port over one function; what is under way when it is closed ends with 'closed', whatever becomes of it. */
export class EtcdCaller implements EtcdKv {
  readonly #perform: (call: EtcdCall) => Promise<EtcdAnswer>;
  readonly #underWay = new Set<(error: EtcdError) => void>();
  #isClosed = false;

  constructor(perform: (call: EtcdCall) => Promise<EtcdAnswer>) {
    this.#perform = perform;
  }

  txn(txn: EtcdTxn): Promise<EtcdTxnAnswer> {
    return this.#call({ kind: 'txn', txn });
  }

  range(range: EtcdRange): Promise<readonly EtcdKeyValue[]> {
    return this.#call({ kind: 'range', range });
  }

  grantLease(ttlMs: number): Promise<EtcdLease> {
    return this.#call({ kind: 'grant', ttlMs });
  }

  keepAlive(lease: string): Promise<number> {
    return this.#call({ kind: 'keep-alive', lease });
  }

  revokeLease(lease: string): Promise<void> {
    return this.#call({ kind: 'revoke', lease });
  }

  compact(revision: number): Promise<void> {
    return this.#call({ kind: 'compact', revision });
  }

  close(): void {
    this.#isClosed = true;
    for (const end of [...this.#underWay]) end(closed());
  }

  async #call<Answer extends EtcdAnswer>(call: EtcdCall): Promise<Answer> {
    if (this.#isClosed) throw closed();
    let end!: (error: EtcdError) => void;
    const ended = new Promise<never>((_, reject) => (end = reject));
    this.#underWay.add(end);
    try {
      // What a call answers follows from its kind.
      return (await Promise.race([this.#perform(call), ended])) as Answer;
    } finally {
      this.#underWay.delete(end);
    }
  }
}

function closed(): EtcdError {
  return new EtcdError('closed', 'the client is closed');
}
