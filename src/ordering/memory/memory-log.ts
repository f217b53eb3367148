import { assert } from '../../model/assert.js';
import { decodeEntry, entryHash, lastSeqnoOf, zeroHash } from '../../model/entry.js';
import { epoch, logPosition, type LogPosition } from '../../model/ids.js';
import { encodeGenesis, noHistory, type Beginning } from '../genesis.js';
import { LogClosed, type Fence, type Led, type LogTail, type OrderedLog } from '../ordered-log.js';

/** What the candidates of a process share: the entries and who leads. */
export class MemoryLogStorage {
  readonly entries: Uint8Array[] = [];
  oldestPosition = 0;
  leader: Buffer | undefined;
  /** For tests: awaited by every append before it is judged, so that a test can hold one in flight. */
  beforeAppend: () => Promise<void> = async () => {};

  /** Begins a history; refuses when there is one. */
  initHistory(beginning: Beginning): void {
    assert(this.oldestPosition === 0 && this.entries.length === 0, 'a history begins once');
    this.entries.push(encodeGenesis(beginning));
  }

  get lastPosition(): number {
    return this.oldestPosition + this.entries.length - 1;
  }

  at(position: number): Uint8Array | undefined {
    return this.entries[position - this.oldestPosition];
  }

  tail(): LogTail {
    const last = this.entries.at(-1);
    if (last === undefined) return { position: -1, seqno: 0, epoch: epoch(0), chainHash: zeroHash };
    const entry = decodeEntry(last);
    return {
      position: entry.position,
      seqno: lastSeqnoOf(entry),
      epoch: entry.epoch,
      chainHash: entryHash(last),
    };
  }
}

/** One candidate's ordered log in the memory of a process: for tests and simulations. */
export class MemoryLog implements OrderedLog {
  readonly #storage: MemoryLogStorage;
  #closed = false;

  constructor(storage: MemoryLogStorage) {
    this.#storage = storage;
  }

  async lead(nonce: Buffer): Promise<Led> {
    this.#expectOpen();
    if (this.#storage.lastPosition < 0) return { notNow: noHistory };
    this.#storage.leader = Buffer.from(nonce);
    return { fence: { nonce: Buffer.from(nonce), token: undefined } };
  }

  async resign(fence: Fence): Promise<void> {
    if (this.#leads(fence)) this.#storage.leader = undefined;
  }

  async append(fence: Fence, position: LogPosition, bytes: Uint8Array): Promise<'durable' | 'deposed'> {
    this.#expectOpen();
    await this.#storage.beforeAppend();
    this.#expectOpen();
    const storage = this.#storage;
    const present = storage.at(position);
    if (present !== undefined && Buffer.compare(present, bytes) === 0) return 'durable';
    if (!this.#leads(fence)) return 'deposed';
    const entry = decodeEntry(bytes);
    assert(position === entry.position, `entry ${entry.position} is appended at position ${position}`);
    const tail = storage.tail();
    assert(position === tail.position + 1, `position ${position} does not follow the tail ${tail.position}`);
    assert(
      entry.previousHash.equals(tail.chainHash),
      `entry ${position} does not follow the tail (chain hash)`,
    );
    assert(entry.firstSeqno === tail.seqno + 1, `seqno ${entry.firstSeqno} does not follow ${tail.seqno}`);
    storage.entries.push(Buffer.from(bytes));
    return 'durable';
  }

  async read(from: LogPosition, bytesMax: number): Promise<readonly Uint8Array[] | 'trimmed'> {
    this.#expectOpen();
    if (from < this.#storage.oldestPosition) return 'trimmed';
    const found: Uint8Array[] = [];
    let bytesFound = 0;
    for (const bytes of this.#storage.entries.slice(from - this.#storage.oldestPosition)) {
      bytesFound += bytes.length;
      if (found.length > 0 && bytesFound > bytesMax) break;
      found.push(bytes);
    }
    return found;
  }

  async oldest(): Promise<LogPosition> {
    this.#expectOpen();
    return logPosition(this.#storage.oldestPosition);
  }

  async tail(): Promise<LogTail> {
    this.#expectOpen();
    return this.#storage.tail();
  }

  async trim(fence: Fence, upTo: LogPosition): Promise<'done' | 'deposed'> {
    this.#expectOpen();
    if (!this.#leads(fence)) return 'deposed';
    const storage = this.#storage;
    const oldest = Math.max(storage.oldestPosition, Math.min(upTo, storage.lastPosition));
    storage.entries.splice(0, oldest - storage.oldestPosition);
    storage.oldestPosition = oldest;
    return 'done';
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #leads(fence: Fence): boolean {
    return this.#storage.leader?.equals(fence.nonce) === true;
  }

  #expectOpen(): void {
    if (this.#closed) throw new LogClosed('the log is closed');
  }
}
