import { fail, failure, succeed, type Failure, type Result } from '../model/errors.js';
import type { Gtid } from '../model/gtid.js';
import type { TransactionId } from '../model/ids.js';
import type { Key, KeyRange } from '../model/keys.js';
import { limits } from '../model/limits.js';
import type { VersionedValue } from '../model/value.js';
import { contentHashOf, effectOfMutation, type Isolation } from '../model/write-set.js';
import type { StoreSnapshot } from '../storage/store.js';
import { commit, conflictFailure } from './commit.js';
import { gtidOf, type KeyspaceContext } from './context.js';
import { tooManyDeleted } from './deleted-ranges.js';
import { typeMismatch } from './one-shot.js';
import type { Committed, InteractiveTransaction, ListPage, MutationRequest } from './service.js';
import { readPageWithOwnWrites, scannedRange, type PageOptions } from './snapshot-reads.js';
import { answeringFailure, answeringFailures } from './store-failure.js';
import { invalidKey, invalidMutation, invalidRange, tooLarge } from './validation.js';
import { WriteBuffer } from './write-buffer.js';
import { buildSubmission, readSetBytes, toMutation } from './write-set-builder.js';

/** Why a transaction takes no more operations. */
export type EndedBy = 'commit' | 'rollback' | 'time limit' | 'doomed';

export interface OpenOptions {
  readonly id: TransactionId;
  readonly isolation: Isolation;
  readonly idleMsMax: number;
  /** Called once, when it stops being open for whatever reason. */
  readonly onEnd: (by: EndedBy) => void;
}

/** An interactive transaction that is open on this node: one snapshot, writes buffered, time limits. */
export class OpenTransaction implements InteractiveTransaction {
  readonly id: TransactionId;
  readonly snapshot: Gtid;
  readonly #context: KeyspaceContext;
  readonly #options: OpenOptions;
  readonly #store: StoreSnapshot;
  readonly #buffer = new WriteBuffer();
  readonly #readKeys = new Set<Key>();
  readonly #readRanges: KeyRange[] = [];
  #readBytes = 0;
  #writeBytes = 0;
  #cancelIdle: () => void;
  readonly #cancelTotal: () => void;
  #ended: EndedBy | undefined;
  #doom: Failure | undefined;
  /** What early judgement has seen: the index up to `last`, and so many mutations and reads. */
  #judged: { readonly last: number; readonly size: number } = { last: -1, size: 0 };
  /** Operations that read from the snapshot now; it is released after the last. */
  #reading = 0;

  constructor(context: KeyspaceContext, options: OpenOptions) {
    this.id = options.id;
    this.#context = context;
    this.#options = options;
    this.#store = context.store.snapshot();
    this.snapshot = gtidOf(this.#store);
    const { timers } = context.runtime;
    this.#cancelIdle = timers.after(options.idleMsMax, () => this.end('time limit'));
    this.#cancelTotal = timers.after(limits.transactionTotalMsMax, () => this.end('time limit'));
  }

  get(key: Key): Promise<Result<VersionedValue | undefined>> {
    return this.#answering(() => this.#get(key));
  }

  async #get(key: Key): Promise<Result<VersionedValue | undefined>> {
    const refusal = invalidKey(key) ?? this.#touch();
    if (refusal !== undefined) return { ok: false, failure: refusal };
    if (this.#buffer.readsSnapshot(key)) {
      const full = this.#remember(key.length + 4, () => this.#readKeys.add(key));
      if (full !== undefined) return { ok: false, failure: full };
    }
    return succeed(this.#buffer.overlay(key, this.#store.get(key)));
  }

  list(range: KeyRange, options: PageOptions): Promise<Result<ListPage>> {
    return this.#answering(() => this.#list(range, options));
  }

  async #list(range: KeyRange, options: PageOptions): Promise<Result<ListPage>> {
    const refusal = invalidRange(range) ?? this.#touch();
    if (refusal !== undefined) return { ok: false, failure: refusal };
    this.#reading += 1;
    try {
      const page = await readPageWithOwnWrites(this.#store, this.#buffer, range, options);
      // What COMMIT did not know of cannot have been certified.
      if (this.#ended !== undefined) return { ok: false, failure: endedFailure(this.id, this.#ended) };
      const scanned = scannedRange(range, page, options.reverse);
      const bytes = scanned.start.length + (scanned.end?.length ?? 0) + 8;
      const full = this.#remember(bytes, () => this.#readRanges.push(scanned));
      if (full !== undefined) return { ok: false, failure: full };
      return succeed({ gtid: this.snapshot, ...page });
    } finally {
      this.#reading -= 1;
      this.#releaseWhenDone();
    }
  }

  mutate(mutation: MutationRequest): Promise<Result<void>> {
    return Promise.resolve(this.buffer([mutation]));
  }

  /** `mutate` of several, in order and at once; those before one that is refused stay buffered. */
  buffer(mutations: readonly MutationRequest[]): Result<void> {
    return answeringFailure(() => {
      for (const mutation of mutations) {
        const refusal = invalidMutation(mutation) ?? this.#touch() ?? this.#refuseMutation(mutation);
        if (refusal !== undefined) return { ok: false, failure: refusal };
        this.#buffer.add(mutation);
      }
      return succeed(undefined);
    }, this.#context.runtime.logger);
  }

  /** COMMIT. Early judgement speaks a last time; once it is sent only the log decides. */
  async commit(): Promise<Result<Committed>> {
    const refusal = this.#touch();
    if (refusal !== undefined) return { ok: false, failure: refusal };
    const { mutations } = this.#buffer;
    if (mutations.length === 0) {
      const { seqno } = this.#store.head;
      this.end('commit');
      return succeed({ transactionId: this.id, gtid: this.snapshot, seqno, results: [], reads: [] });
    }
    this.#reading += 1;
    this.end('commit');
    try {
      const tooMany = await tooManyDeleted(this.#store, mutations);
      if (tooMany !== undefined) return { ok: false, failure: tooMany };
      return await this.#submit();
    } finally {
      this.#reading -= 1;
      this.#releaseWhenDone();
    }
  }

  async #submit(): Promise<Result<Committed>> {
    const contentHash = contentHashOf(['interactive', this.id]);
    const built = buildSubmission({
      id: this.id,
      contentHash,
      isolation: this.#options.isolation,
      snapshot: this.#store.head.seqno,
      mutations: this.#buffer.mutations,
      reads: this.#reads(),
      mayBeRetry: false,
    });
    if (!built.ok) return built;
    return commit(this.#context, { id: this.id, contentHash, submission: built.value, mayBeRetry: false });
  }

  /** Ends it once; what was buffered is forgotten. */
  end(by: EndedBy): void {
    if (this.#ended !== undefined) return;
    this.#ended = by;
    this.#cancelIdle();
    this.#cancelTotal();
    this.#releaseWhenDone();
    this.#options.onEnd(by);
  }

  #answering<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    return answeringFailures(work, 'not-committed', this.#context.runtime.logger);
  }

  #releaseWhenDone(): void {
    if (this.#ended !== undefined && this.#reading === 0) this.#store.release();
  }

  /** Renews the idle limit; the reason when no operation is taken any more. */
  #touch(): Failure | undefined {
    if (this.#doom !== undefined) return this.#doom;
    if (this.#ended !== undefined) return endedFailure(this.id, this.#ended);
    const notServing = this.#context.notServing() ?? this.#doomed();
    if (notServing !== undefined) return notServing;
    this.#cancelIdle();
    this.#cancelIdle = this.#context.runtime.timers.after(this.#options.idleMsMax, () =>
      this.end('time limit'),
    );
    return undefined;
  }

  /** One that has written nothing is never doomed: its reads hold at its snapshot. */
  #doomed(): Failure | undefined {
    const { index } = this.#context;
    const size = this.#buffer.mutations.length + this.#readKeys.size + this.#readRanges.length;
    const isJudged = this.#judged.last === index.last && this.#judged.size === size;
    if (this.#buffer.mutations.length === 0 || isJudged) return undefined;
    this.#judged = { last: index.last, size };
    const reads = this.#reads();
    const serializable = this.#options.isolation === 'serializable';
    const conflict = index.firstConflict({
      isolation: this.#options.isolation,
      snapshot: this.#store.head.seqno,
      effects: this.#buffer.mutations.map((mutation) => effectOfMutation(toMutation(mutation, reads))),
      readKeys: serializable ? [...reads.keys] : [],
      readRanges: serializable ? reads.ranges : [],
      checkKeys: [],
    });
    if (conflict === undefined) return undefined;
    this.#doom = conflictFailure(this.#context, 'TRANSACTION_ABORTED', conflict, this.id);
    this.end('doomed');
    return this.#doom;
  }

  #reads() {
    return { keys: this.#readKeys, ranges: this.#readRanges, checks: new Set<Key>() };
  }

  #remember(bytes: number, add: () => void): Failure | undefined {
    if (this.#readBytes + bytes > limits.readSetBytesMax) {
      const exact = readSetBytes(this.#reads()) + bytes;
      if (exact > limits.readSetBytesMax)
        return tooLarge('bytes of the read set', exact, limits.readSetBytesMax);
      this.#readBytes = exact - bytes;
    }
    this.#readBytes += bytes;
    add();
    return undefined;
  }

  #refuseMutation(mutation: MutationRequest): Failure | undefined {
    if (this.#buffer.mutations.length >= limits.mutationsMax) {
      return tooLarge('mutations', this.#buffer.mutations.length + 1, limits.mutationsMax);
    }
    const bytes = mutationBytes(mutation);
    if (this.#writeBytes + bytes > limits.transactionBytesMax) {
      return tooLarge('bytes of the transaction', this.#writeBytes + bytes, limits.transactionBytesMax);
    }
    if (mutation.kind === 'sum' || mutation.kind === 'min' || mutation.kind === 'max') {
      const present = this.#buffer.overlay(mutation.key, this.#store.get(mutation.key));
      if (present?.value.kind === 'bytes') return typeMismatch(mutation.key);
    }
    this.#writeBytes += bytes;
    return undefined;
  }
}

function mutationBytes(mutation: MutationRequest): number {
  if (mutation.kind === 'deleteRange')
    return mutation.range.start.length + (mutation.range.end?.length ?? 0) + 8;
  const value = mutation.kind === 'set' ? mutation.bytes.length + mutation.contentType.length : 8;
  return mutation.key.length + value + 8;
}

export function endedFailure(id: TransactionId, by: EndedBy): Failure {
  const details = { transactionId: id };
  switch (by) {
    case 'time limit':
      return failure('TRANSACTION_EXPIRED', 'the transaction ran into its time limit and was rolled back', {
        details,
      });
    case 'rollback':
      return failure('TRANSACTION_FINISHED', 'the transaction was rolled back', { details });
    case 'doomed':
      return failure('TRANSACTION_ABORTED', 'the transaction was doomed by a commit and rolled back', {
        details,
      });
    case 'commit':
      return failure('TRANSACTION_FINISHED', 'COMMIT was called', { outcome: 'unknown', details });
  }
}

export function notFound(id: TransactionId): { readonly ok: false; readonly failure: Failure } {
  const details = { transactionId: id };
  return fail('TRANSACTION_NOT_FOUND', 'no transaction of this id is open on this node', {
    outcome: 'unknown',
    details,
  });
}
