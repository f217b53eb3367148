import {
  encodeEntry,
  entryHash,
  lastSeqnoOf,
  nonceBytes,
  type EntryContent,
  type EntryItem,
} from '../../src/model/entry.js';
import { epoch, logPosition, seqno, type Epoch, type TransactionId } from '../../src/model/ids.js';
import { keyFromText, type Key } from '../../src/model/keys.js';
import { encodeWriteSet, type Mutation } from '../../src/model/write-set.js';

export const emptyContentHash = Buffer.alloc(32);

export interface ChainTail {
  readonly position: number;
  readonly seqno: number;
  readonly epoch: Epoch;
  readonly chainHash: Buffer;
}

/** Encodes entries that follow each other, and keeps where they end. */
export class Chain {
  tail: ChainTail;
  logTimeMs: number;
  readonly nonce: Buffer;

  constructor(tail: ChainTail, nonce: Buffer = Buffer.alloc(nonceBytes, 7), logTimeMs = 1_000) {
    this.tail = tail;
    this.nonce = nonce;
    this.logTimeMs = logTimeMs;
  }

  next(content: EntryContent): Buffer {
    const items = content.kind === 'batch' ? content.items : [];
    const header = {
      kind: content.kind,
      epoch: epoch(this.tail.epoch + (content.kind === 'barrier' ? 1 : 0)),
      position: logPosition(this.tail.position + 1),
      firstSeqno: seqno(this.tail.seqno + 1),
      count: items.filter(({ kind }) => kind === 'transaction').length,
      logTimeMs: this.logTimeMs,
      nonce: this.nonce,
      previousHash: this.tail.chainHash,
    };
    const bytes = encodeEntry({ ...header, content });
    this.tail = {
      position: header.position,
      seqno: lastSeqnoOf(header),
      epoch: header.epoch,
      chainHash: entryHash(bytes),
    };
    return bytes;
  }

  barrier(node = 'node'): Buffer {
    return this.next({ kind: 'barrier', idFloorMs: 0, node });
  }

  batch(items: readonly EntryItem[], idFloorMs = 0): Buffer {
    return this.next({ kind: 'batch', idFloorMs, items });
  }

  /** A batch of transactions, one per list of mutations, with ids of the chain's own. */
  transactions(...lists: (readonly Mutation[])[]): Buffer {
    const first = this.tail.seqno + 1;
    return this.batch(
      lists.map((mutations, i) =>
        transaction(testId((this.tail.position + 1) * 10_000 + first + i), mutations),
      ),
    );
  }
}

/** A UUIDv7 whose time is `timeMs` and whose rest is fixed. */
export function testId(timeMs: number): TransactionId {
  const time = timeMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000` as TransactionId;
}

export function transaction(id: TransactionId, mutations: readonly Mutation[]): EntryItem {
  const header = {
    id,
    contentHash: emptyContentHash,
    isolation: 'serializable',
    snapshot: undefined,
  } as const;
  return { kind: 'transaction', writeSet: encodeWriteSet({ ...header, mutations }) };
}

export function key(text: string): Key {
  return keyFromText(text);
}

export function set(text: string, value = 'value', ttlMs = 0): Mutation {
  return { kind: 'set', key: key(text), bytes: Buffer.from(value), contentType: 'text/plain', ttlMs };
}

export function remove(text: string): Mutation {
  return { kind: 'delete', key: key(text) };
}

export function atomic(kind: 'sum' | 'min' | 'max', text: string, operand: bigint, ttlMs = 0): Mutation {
  return { kind, key: key(text), operand, ttlMs, asPlain: false };
}

export function expire(text: string): Mutation {
  return { kind: 'expire', key: key(text) };
}

export function removeRange(start: string, end?: string): Mutation {
  return { kind: 'deleteRange', range: { start: key(start), end: end === undefined ? undefined : key(end) } };
}
