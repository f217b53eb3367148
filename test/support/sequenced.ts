import { CertificationIndex } from '../../src/certification/certification-index.js';
import { decodeEntry, zeroHash, type Entry } from '../../src/model/entry.js';
import { epoch, seqno, type TransactionId } from '../../src/model/ids.js';
import { keyFromText } from '../../src/model/keys.js';
import { limits } from '../../src/model/limits.js';
import type { LoggedOutcome } from '../../src/model/outcome.js';
import {
  contentHashOf,
  decodeWriteSetHeader,
  encodeWriteSet,
  type Mutation,
} from '../../src/model/write-set.js';
import { buildBatch, type Answer, type LogTip } from '../../src/sequencer/batch.js';
import { rolledBack, type CertifyRequest, type SequencerRequest } from '../../src/sequencer/request.js';
import { set } from './chain.js';

export interface Sequenced {
  readonly answers: readonly Answer[];
  readonly entry: Entry | undefined;
  readonly bytes: Buffer | undefined;
}

/** A sequencer's judgement over a log of its own: each batch is durable at once, its outcomes are then known. */
export class SequencedLog {
  tip: LogTip;
  nowMs: number;
  /** Why no outcome may be added. */
  full: string | undefined;
  readonly outcomes = new Map<TransactionId, LoggedOutcome>();
  readonly #index: CertificationIndex;

  constructor(nowMs: number, bounds = { transactionsMax: 1000, keysMax: 10_000, deletedRangesMax: 100 }) {
    this.nowMs = nowMs;
    this.#index = new CertificationIndex(bounds, seqno(0));
    const nothing = { position: 1, seqno: seqno(0), epoch: epoch(1), chainHash: zeroHash, idFloorMs: 0 };
    this.tip = { ...nothing, logTimeMs: 0, nonce: Buffer.alloc(16, 1) };
  }

  /** One batch of as many of the requests as it takes. */
  batch(...requests: readonly SequencerRequest[]): Sequenced {
    const {
      entry: bytes,
      answers,
      tip,
    } = buildBatch(
      requests.map((request) => ({ request })),
      {
        tip: this.tip,
        index: this.#index,
        outcome: (id) => this.outcomes.get(id),
        nowMs: this.nowMs,
        idFloorMs: Math.max(this.tip.idFloorMs, this.nowMs - limits.outcomesMsMax),
        full: this.full,
      },
    );
    this.tip = tip;
    const entry = bytes === undefined ? undefined : decodeEntry(bytes);
    if (entry !== undefined) this.#remember(entry);
    return { answers: answers.map(({ answer }) => answer), entry, bytes };
  }

  #remember({ content, firstSeqno }: Entry): void {
    let at: number = firstSeqno;
    for (const item of content.kind === 'batch' ? content.items : []) {
      if (item.kind === 'tombstone') this.outcomes.set(item.id, item.outcome);
      else {
        const { id, contentHash } = decodeWriteSetHeader(item.writeSet);
        this.outcomes.set(id, { kind: 'committed', seqno: seqno(at++), contentHash, results: [] });
      }
    }
  }
}

/** A UUIDv7 of a time; `n` tells ids of one moment apart. */
export function idAt(timeMs: number, n = 0): TransactionId {
  const time = timeMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}` as TransactionId;
}

export interface Asked {
  readonly retry?: boolean;
  readonly snapshot?: number;
  readonly reads?: readonly string[];
  readonly content?: string;
  readonly mutations?: readonly Mutation[];
}

export function certify(id: TransactionId, asked: Asked = {}): CertifyRequest {
  const { retry = false, snapshot, reads = [], content = 'content', mutations = [set('key')] } = asked;
  const writeSet = encodeWriteSet({
    id,
    contentHash: contentHashOf([content]),
    isolation: 'serializable',
    snapshot: snapshot === undefined ? undefined : seqno(snapshot),
    mutations,
  });
  const header = decodeWriteSetHeader(writeSet);
  const readKeys = reads.map((text) => keyFromText(text));
  return { kind: 'certify', id, retry, header, writeSet, readKeys, readRanges: [], checkKeys: [] };
}

export function resolution(id: TransactionId): SequencerRequest {
  return { kind: 'resolve', id, tombstone: rolledBack };
}
