import { failure, type Failure, type Result } from '../model/errors.js';
import { seqno, type KeyspaceName, type RegionId } from '../model/ids.js';
import type { KeyspaceService, KeyspaceStatus, TransactionState } from '../transaction/service.js';

type Refused = Promise<{ readonly ok: false; readonly failure: Failure }>;

/** A keyspace whose store was found damaged when it was opened: named, and not served; the others are. */
export class DamagedKeyspace implements KeyspaceService {
  readonly #home: RegionId;
  readonly #damage: string;

  constructor(
    readonly name: KeyspaceName,
    home: RegionId,
    damage: string,
  ) {
    this.#home = home;
    this.#damage = damage;
  }

  status(): KeyspaceStatus {
    return {
      name: this.name,
      uuid: undefined,
      home: this.#home,
      log: 'embedded',
      epoch: 0,
      sequencer: undefined,
      state: 'damaged',
      detail: this.#damage,
      applied: seqno(0),
      tail: seqno(0),
      position: -1,
      stalenessMs: undefined,
      writable: false,
      openFeeds: 0,
      join: undefined,
      kept: undefined,
      check: undefined,
    };
  }

  read = (): Refused => this.#refuse('not-committed');
  list = (): Refused => this.#refuse('not-committed');
  begin = (): Refused => this.#refuse('not-committed');
  transact = (): Refused => this.#refuse('unknown');
  commit = (): Refused => this.#refuse('unknown');
  rollback = (): Refused => this.#refuse('unknown');
  stateHash = (): Refused => this.#refuse('not-committed');

  readNow(): undefined {
    return undefined;
  }

  open(): Result<never> {
    return { ok: false, failure: this.#failure() };
  }

  changes(): Result<never> {
    return { ok: false, failure: this.#failure() };
  }

  transactionState(): TransactionState {
    return { state: 'unknown' };
  }

  #failure(): Failure {
    return failure('NODE_INCONSISTENT', this.#damage, { details: { state: 'damaged' } });
  }

  #refuse(outcome: Failure['outcome']): Refused {
    return Promise.resolve({ ok: false, failure: { ...this.#failure(), outcome } });
  }
}
