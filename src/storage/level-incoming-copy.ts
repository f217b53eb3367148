import { verifyEntryBytes } from '../model/entry.js';
import type { Logger } from '../runtime/runtime.js';
import type { CopyChunk, CopyOrigin, CopyProgress, IncomingCopy, OpenIncoming } from './incoming-copy.js';
import {
  chunkRecordOf,
  chunkRow,
  decodeOrigin,
  originKey,
  originRow,
  withoutEntries,
} from './incoming-layout.js';
import {
  encodeFormat,
  encodeHead,
  encodeReplaced,
  formatKey,
  headKey,
  numberedKey,
  replacedKey,
} from './layout.js';
import { openError, readError } from './level-errors.js';
import { spanOperation, type OutcomeCounts } from './outcome-counts.js';
import { hashPacked } from './packed-rows.js';
import { replayBeside } from './replay.js';
import { isCopied } from './rows.js';
import { ApplyFailed, StoreClosed, StoreDamaged, type Database, type Head, type Row } from './store.js';
import { flushToTables } from './compaction.js';
import { Turns } from './turns.js';
import { chainAfter, chunkRecords, followBeside, verifyRows } from './verify-copy.js';
import { writeBatch, writeUnsynced, type Operation } from './write-batch.js';

/** The copy that was begun before. Undefined: none was. Throws StoreDamaged (it is then to be dropped). */
export async function openIncomingCopy(
  open: OpenIncoming,
  logger: Logger,
): Promise<IncomingCopy | undefined> {
  const database = await openDatabase(open);
  return closedOnFailure(database, async () => {
    const record = await database.get(originKey);
    if (record === undefined) {
      await database.close();
      return undefined;
    }
    const origin = decodeOrigin(record);
    const isWhole = (await database.get(headKey)) !== undefined;
    const progress = await readProgress(database, origin);
    return new LevelIncomingCopy({ open, logger, database, origin, progress, isWhole });
  });
}

/** Throws StoreDamaged when something is there already: it is to be dropped before. */
export async function beginIncomingCopy(
  open: OpenIncoming,
  origin: CopyOrigin,
  logger: Logger,
): Promise<IncomingCopy> {
  const database = await openDatabase(open);
  return closedOnFailure(database, async () => {
    const [first] = await database.keys({ limit: 1 }).all();
    if (first !== undefined) throw new StoreDamaged('an incoming copy is begun where there is one already');
    await writeBatch(database, [put(originRow(origin))]);
    const progress = await readProgress(database, origin);
    return new LevelIncomingCopy({ open, logger, database, origin, progress, isWhole: false });
  });
}

async function openDatabase(open: OpenIncoming): Promise<Database> {
  try {
    return await open();
  } catch (error) {
    throw openError(error);
  }
}

async function closedOnFailure<T>(database: Database, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await database.close().catch(() => undefined);
    throw readError(error);
  }
}

/** Entries behind a gap are dropped: they come again. */
async function readProgress(database: Database, origin: CopyOrigin): Promise<CopyProgress> {
  let [chunks, rows, bytes] = [0, 0, 0];
  let lastKey: Buffer | undefined;
  for await (const chunk of chunkRecords(database)) {
    chunks = chunk.number;
    rows += chunk.rows;
    bytes += chunk.bytes;
    ({ lastKey } = chunk);
  }
  const { end, rest } = await followBeside(database, startOf(origin));
  if (rest.length > 0)
    await writeUnsynced(
      database,
      rest.map((key) => ({ type: 'del', key })),
    );
  return { chunks, rows, bytes, lastKey, entriesTo: end };
}

const startOf = ({ head }: CopyOrigin) => ({ position: head.position, hash: head.chainHash });

function put({ key, value }: Row): Operation {
  return { type: 'put', key, value };
}

interface Made {
  readonly open: OpenIncoming;
  readonly logger: Logger;
  readonly database: Database;
  readonly origin: CopyOrigin;
  readonly progress: CopyProgress;
  readonly isWhole: boolean;
}

class LevelIncomingCopy implements IncomingCopy {
  readonly origin: CopyOrigin;
  readonly #open: OpenIncoming;
  readonly #logger: Logger;
  readonly #turns = new Turns();
  #database: Database;
  #progress: CopyProgress;
  #isWhole: boolean;
  /** Why nothing more can be done with it before it is opened anew. */
  #ended: Error | undefined;

  constructor(made: Made) {
    this.origin = made.origin;
    this.#open = made.open;
    this.#logger = made.logger;
    this.#database = made.database;
    this.#progress = made.progress;
    this.#isWhole = made.isWhole;
  }

  get progress(): CopyProgress {
    return this.#progress;
  }

  get isWhole(): boolean {
    return this.#isWhole;
  }

  addChunk(chunk: CopyChunk): Promise<void> {
    return this.#take(async () => {
      expectNext(this.#progress, chunk);
      if (this.#isWhole) throw new StoreDamaged(`chunk ${chunk.number} comes to a copy that is whole`);
      const record = chunkRecordOf(chunk);
      await this.#write([...chunk.rows.map(put), put(chunkRow(record))]);
      const { chunks, rows, bytes, entriesTo } = this.#progress;
      this.#progress = {
        chunks: chunks + 1,
        rows: rows + record.rows,
        bytes: bytes + record.bytes,
        lastKey: Buffer.from(record.lastKey),
        entriesTo,
      };
    });
  }

  addEntries(entries: readonly Uint8Array[]): Promise<void> {
    return this.#take(async () => {
      let { entriesTo } = this.#progress;
      const operations: Operation[] = [];
      for (const bytes of entries) {
        if (isKnown(entriesTo.position, bytes)) continue;
        entriesTo = chainAfter(entriesTo, bytes);
        const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        operations.push({ type: 'put', key: numberedKey('beside', entriesTo.position), value });
      }
      if (operations.length === 0) return;
      await this.#write(operations);
      this.#progress = { ...this.#progress, entriesTo };
    });
  }

  finish(chunks: number): Promise<void> {
    return this.#take(async () => {
      if (this.#isWhole) return expectChunks(this.#progress, chunks);
      expectChunks(this.#progress, chunks);
      // Written once more so that all before it is synced, also where there are no tables.
      await this.#write([put(originRow(this.origin))], writeBatch);
      await flushToTables(this.#database);
      await this.#database.close();
      this.#database = await openDatabase(this.#open);
      const outcomes = await verifyRows(this.#database, chunks);
      await this.#expectEntries();
      await this.#write(this.#head(outcomes), writeBatch);
      this.#isWhole = true;
      const { rows, bytes } = this.#progress;
      this.#logger.info({ chunks, rows, bytes }, 'an incoming copy is whole and verified');
    });
  }

  async #expectEntries(): Promise<void> {
    const { position, hash } = this.#progress.entriesTo;
    const { end } = await followBeside(this.#database, startOf(this.origin));
    if (end.position === position && end.hash.equals(hash)) return;
    throw new StoreDamaged(`entry ${end.position + 1} beside the copy is missing`);
  }

  #head(outcomes: OutcomeCounts): Operation[] {
    const { head, replaced } = this.origin;
    return [
      { type: 'put', key: formatKey, value: encodeFormat() },
      { type: 'put', key: headKey, value: encodeHead(withoutEntries(head)) },
      ...(replaced.length === 0
        ? []
        : [{ type: 'put', key: replacedKey, value: encodeReplaced(replaced) } as const]),
      ...Array.from(outcomes, ([span, count]) => spanOperation(span, count)),
    ];
  }

  replay(onProgress: (position: number) => void): Promise<Head> {
    return this.#take(async () => {
      if (!this.#isWhole) throw new StoreDamaged('a copy that is not whole cannot go on from its head');
      this.#ended = new StoreClosed('the incoming copy has become a store');
      return replayBeside(this.#database, this.#logger, onProgress);
    });
  }

  close(): Promise<void> {
    return this.#turns.take(async () => {
      this.#ended ??= new StoreClosed('the incoming copy is closed');
      await this.#database.close();
    });
  }

  #take<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      if (this.#ended !== undefined) throw this.#ended;
      try {
        return await work();
      } catch (error) {
        throw readError(error);
      }
    });
  }

  /** LevelDB is not to be trusted after a failed write: then the copy is to be opened anew, which verifies it. */
  async #write(operations: readonly Operation[], write = writeUnsynced): Promise<void> {
    try {
      await write(this.#database, operations);
    } catch (error) {
      this.#ended = new ApplyFailed(`the incoming copy could not be written: ${String(error)}`, {
        cause: error,
      });
      throw this.#ended;
    }
  }
}

function isKnown(position: number, bytes: Uint8Array): boolean {
  try {
    return verifyEntryBytes(bytes).position <= position;
  } catch {
    return false;
  }
}

function expectChunks({ chunks }: CopyProgress, expected: number): void {
  if (chunks !== expected) throw new StoreDamaged(`the copy has ${chunks} chunks, not ${expected}`);
}

function expectNext({ chunks, lastKey }: CopyProgress, { number, rows, packed, hash }: CopyChunk): void {
  if (number !== chunks + 1) throw new StoreDamaged(`chunk ${number} comes after chunk ${chunks}`);
  if (rows.length === 0) throw new StoreDamaged(`chunk ${number} is empty`);
  let before = lastKey;
  for (const { key } of rows) {
    if (!isCopied(key)) throw new StoreDamaged(`chunk ${number} has a row that belongs to no copy`);
    if (before !== undefined && before.compare(key) >= 0) {
      throw new StoreDamaged(`the rows of chunk ${number} are not in the order of their keys`);
    }
    before = key;
  }
  if (!hashPacked(packed).equals(hash))
    throw new StoreDamaged(`the rows of chunk ${number} are not what its hash says`);
}
