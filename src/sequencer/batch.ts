import type { CertificationIndex } from '../certification/certification-index.js';
import {
  encodeEntry,
  entryHash,
  entryOverheadBytes,
  itemOverheadBytes,
  type EntryItem,
} from '../model/entry.js';
import type { ErrorCode } from '../model/errors.js';
import { assertNever } from '../model/assert.js';
import { logPosition, seqno, type Epoch, type Seqno, type TransactionId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { outcomeMatches, type AbortedOutcome, type Conflict, type LoggedOutcome } from '../model/outcome.js';
import { transactionTimeMs } from '../model/transaction-id.js';
import type { CertifyRequest, SequencerRequest } from './request.js';

/** The end of the log as its writer knows it. */
export interface LogTip {
  readonly position: number;
  readonly seqno: Seqno;
  readonly epoch: Epoch;
  readonly chainHash: Buffer;
  readonly logTimeMs: number;
  readonly idFloorMs: number;
  readonly nonce: Buffer;
}

/** What the sequencer says of a request, once everything that it rests on is durable. */
export type Answer =
  /** `fresh`: by this very batch; its origin hears of it by the entry. */
  | { readonly kind: 'committed'; readonly seqno: Seqno; readonly fresh: boolean }
  | {
      readonly kind: 'aborted';
      readonly code: AbortedOutcome['code'];
      readonly conflict: Conflict | undefined;
      readonly tombstone: boolean;
      readonly detail: string;
    }
  /** Not taken. `seqno` is that of the id's commit where the id was reused with another content. */
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly detail: string;
      readonly seqno: Seqno | undefined;
    };

export interface BatchContext {
  readonly tip: LogTip;
  /** The sequencer's own; accepted transactions are recorded in it. */
  readonly index: CertificationIndex;
  /** Durable outcomes, all of them up to the tip. */
  readonly outcome: (id: TransactionId) => LoggedOutcome | undefined;
  readonly nowMs: number;
  /** The id floor that the entry sets; not below the tip's. */
  readonly idFloorMs: number;
  /** Why nothing may be taken that adds an outcome, or undefined. */
  readonly full: string | undefined;
}

export interface Batch<R> {
  /** Undefined when nothing is to be logged. */
  readonly entry: Buffer | undefined;
  /** In the order of the requests taken. */
  readonly answers: readonly { readonly request: R; readonly answer: Answer }[];
  /** The tip once the entry is durable. */
  readonly tip: LogTip;
}

/**
 * Certifies requests in their order and puts what is to be logged into one entry, as many as fit. A function of the
 * log's prefix (tip, index, outcomes), the limits, the requests, and of the time and the id floor, which the entry tells.
 */
export function buildBatch<R extends { readonly request: SequencerRequest }>(
  requests: readonly R[],
  context: BatchContext,
): Batch<R> {
  const builder = new BatchBuilder(context);
  const answers: { request: R; answer: Answer }[] = [];
  for (const request of requests) {
    const joined = builder.take(request.request);
    if (joined === 'full') break;
    answers.push({ request, answer: joined });
  }
  for (const one of answers) one.answer = builder.final(one.request.request, one.answer);
  return { ...builder.finish(), answers };
}

class BatchBuilder {
  readonly #context: BatchContext;
  readonly #logTimeMs: number;
  readonly #idFloorMs: number;
  readonly #items: EntryItem[] = [];
  readonly #byId = new Map<TransactionId, { answer: Answer; contentHash: Buffer | undefined }>();
  #bytes = entryOverheadBytes;
  #transactions = 0;

  constructor(context: BatchContext) {
    this.#context = context;
    this.#logTimeMs = Math.max(context.tip.logTimeMs, context.nowMs);
    this.#idFloorMs = Math.max(context.tip.idFloorMs, context.idFloorMs);
  }

  /** The answer, or 'full' when the request belongs into the next batch. */
  take(request: SequencerRequest): Answer | 'full' {
    const known = this.#known(request);
    if (known !== undefined) return known;
    const refusal = this.#refuseByTime(request.id);
    if (refusal !== undefined) return refusal;
    if (this.#context.full !== undefined) return refused('OVERLOADED', this.#context.full);
    switch (request.kind) {
      case 'resolve':
        return this.#logTombstone(request.id, request.tombstone, 'resolved as never to commit');
      case 'certify':
        return this.#certify(request);
      default:
        return assertNever(request);
    }
  }

  /** Duplicates join the first; an outcome in the log stands for ever. */
  #known(request: SequencerRequest): Answer | 'full' | undefined {
    const inBatch = this.#byId.get(request.id);
    if (inBatch !== undefined) {
      const { answer, contentHash } = inBatch;
      if (
        request.kind === 'certify' &&
        contentHash !== undefined &&
        !contentHash.equals(request.header.contentHash)
      ) {
        return reused(answer.kind === 'committed' ? answer.seqno : undefined);
      }
      if (answer.kind !== 'aborted' || answer.tombstone) return answer;
      const { code, conflict, detail } = answer;
      return this.#logTombstone(request.id, { kind: 'aborted', code, conflict, contentHash }, detail);
    }
    const logged = this.#context.outcome(request.id);
    if (logged === undefined) return undefined;
    if (request.kind === 'certify' && !outcomeMatches(logged, request.header.contentHash)) {
      return reused(logged.kind === 'committed' ? logged.seqno : undefined);
    }
    return logged.kind === 'committed'
      ? { kind: 'committed', seqno: logged.seqno, fresh: false }
      : { kind: 'aborted', code: logged.code, conflict: logged.conflict, tombstone: true, detail: '' };
  }

  #refuseByTime(id: TransactionId): Answer | undefined {
    const madeMs = transactionTimeMs(id);
    if (madeMs < this.#idFloorMs) {
      return refused('TRANSACTION_ID_TOO_OLD', `outcomes are kept for ids made since ${this.#idFloorMs}`);
    }
    if (madeMs > this.#logTimeMs + limits.idAheadMsMax) {
      return refused(
        'INVALID_ARGUMENT',
        `the transaction id is ${madeMs - this.#logTimeMs} ms ahead of log time`,
      );
    }
    return undefined;
  }

  #certify(request: CertifyRequest): Answer | 'full' {
    const bytes = request.writeSet.length + itemOverheadBytes;
    if (this.#bytes + bytes > limits.entryBytesMax) return 'full';
    const { header, readKeys, readRanges, checkKeys } = request;
    const { isolation, snapshot, effects } = header;
    const verdict = this.#context.index.certify({
      isolation,
      snapshot,
      effects,
      readKeys,
      readRanges,
      checkKeys,
    });
    switch (verdict.kind) {
      case 'commit': {
        const at = seqno(this.#context.tip.seqno + ++this.#transactions);
        this.#context.index.record(at, effects);
        this.#push({ kind: 'transaction', writeSet: request.writeSet }, bytes);
        const answer: Answer = { kind: 'committed', seqno: at, fresh: true };
        this.#byId.set(request.id, { answer, contentHash: header.contentHash });
        return answer;
      }
      case 'conflict':
        return this.#abort(request, {
          code: 'CERTIFICATION_CONFLICT',
          conflict: verdict.conflict,
          detail: '',
        });
      case 'snapshot-too-old':
        return this.#abort(request, {
          code: 'SNAPSHOT_TOO_OLD',
          conflict: undefined,
          detail: `${verdict.oldest}`,
        });
      case 'snapshot-ahead':
        return refused('HISTORY_MISMATCH', `the snapshot is ahead of the log's tail, seqno ${verdict.tail}`);
      default:
        return assertNever(verdict);
    }
  }

  /** A first attempt's abort needs no tombstone; a retry's rests on one. */
  #abort(
    request: CertifyRequest,
    abort: { code: AbortedOutcome['code']; conflict: Conflict | undefined; detail: string },
  ): Answer | 'full' {
    const { contentHash } = request.header;
    const { code, conflict, detail } = abort;
    if (request.retry)
      return this.#logTombstone(request.id, { kind: 'aborted', code, conflict, contentHash }, detail);
    const answer: Answer = { kind: 'aborted', ...abort, tombstone: false };
    this.#byId.set(request.id, { answer, contentHash });
    return answer;
  }

  #logTombstone(id: TransactionId, outcome: AbortedOutcome, detail: string): Answer | 'full' {
    const bytes = 64 + itemOverheadBytes + (outcome.conflict?.key.length ?? 0) + 16;
    if (this.#bytes + bytes > limits.entryBytesMax) return 'full';
    this.#push({ kind: 'tombstone', id, outcome }, bytes);
    const { code, conflict, contentHash } = outcome;
    const answer: Answer = { kind: 'aborted', code, conflict, tombstone: true, detail };
    this.#byId.set(id, { answer, contentHash });
    return answer;
  }

  #push(item: EntryItem, bytes: number): void {
    this.#items.push(item);
    this.#bytes += bytes;
  }

  /** A first attempt that a retry joined later in the batch rests on the retry's tombstone too. */
  final(request: SequencerRequest, answer: Answer): Answer {
    if (answer.kind !== 'aborted' || answer.tombstone) return answer;
    return this.#byId.get(request.id)?.answer ?? answer;
  }

  finish(): { entry: Buffer | undefined; tip: LogTip } {
    const { tip } = this.#context;
    if (this.#items.length === 0) return { entry: undefined, tip };
    const entry = encodeEntry({
      kind: 'batch',
      epoch: tip.epoch,
      position: logPosition(tip.position + 1),
      firstSeqno: seqno(tip.seqno + 1),
      count: this.#transactions,
      logTimeMs: this.#logTimeMs,
      nonce: tip.nonce,
      previousHash: tip.chainHash,
      content: { kind: 'batch', idFloorMs: this.#idFloorMs, items: this.#items },
    });
    return { entry, tip: this.#tipAfter(entry) };
  }

  #tipAfter(entry: Buffer): LogTip {
    const { tip } = this.#context;
    return {
      ...tip,
      position: tip.position + 1,
      seqno: seqno(tip.seqno + this.#transactions),
      chainHash: entryHash(entry),
      logTimeMs: this.#logTimeMs,
      idFloorMs: this.#idFloorMs,
    };
  }
}

function refused(code: ErrorCode, detail: string): Answer {
  return { kind: 'refused', code, detail, seqno: undefined };
}

function reused(at: Seqno | undefined): Answer {
  const detail = 'the id was used before with another content';
  return { kind: 'refused', code: 'TRANSACTION_ID_REUSED', detail, seqno: at };
}
