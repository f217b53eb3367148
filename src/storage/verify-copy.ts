import { entryHash, verifyEntryBytes } from '../model/entry.js';
import { MalformedBytes } from '../model/bytes.js';
import { decodeChunk, type ChunkRecord } from './incoming-layout.js';
import { everything, isOutcomeKey, numberOfKey } from './layout.js';
import { countOutcome, type OutcomeCount, type OutcomeCounts } from './outcome-counts.js';
import { chunkHash } from './packed-rows.js';
import { recordPages } from './record-pages.js';
import { rowPages } from './rows.js';
import { EntriesDoNotFollow, StoreDamaged, type Database, type Row } from './store.js';

/** Where entries that follow each other have come to. */
export interface ChainEnd {
  readonly position: number;
  readonly hash: Buffer;
}

/** What came in each chunk, from the first on. Throws StoreDamaged when one is missing. */
export async function* chunkRecords(database: Database): AsyncGenerator<ChunkRecord> {
  let expected = 1;
  for await (const page of recordPages(database, everything('chunk'))) {
    for (const [key, record] of page) {
      const chunk = decodeChunk(key, record);
      if (chunk.number !== expected) throw new StoreDamaged(`chunk ${expected} of the copy is missing`);
      expected += 1;
      yield chunk;
    }
  }
}

/**
 * Reads every row back: each chunk has to be there, whole, and nothing between and after them. Resolves to how many outcomes
 * there are. Throws StoreDamaged.
 */
export async function verifyRows(database: Database, chunks: number): Promise<OutcomeCounts> {
  const rows = new RowQueue(database);
  const outcomes = new Map<number, OutcomeCount>();
  let last = 0;
  for await (const chunk of chunkRecords(database)) {
    const found = await rows.take(chunk.rows);
    const isWhole = found.at(-1)?.key.equals(chunk.lastKey) === true && chunkHash(found).equals(chunk.hash);
    if (!isWhole) throw new StoreDamaged(`the rows of chunk ${chunk.number} are not those that came`);
    for (const { key, value } of found) if (isOutcomeKey(key)) countOutcome(outcomes, key, value);
    last = chunk.number;
  }
  if (last !== chunks) throw new StoreDamaged(`the copy has ${last} chunks, not ${chunks}`);
  if ((await rows.take(1)).length > 0) throw new StoreDamaged('the copy has rows that came in no chunk');
  return outcomes;
}

type Page = readonly [Buffer, Buffer][];

/** A database's rows, taken in the order of their keys. */
class RowQueue {
  readonly #pages: AsyncGenerator<Page>;
  #page: Page = [];
  #at = 0;

  constructor(database: Database) {
    this.#pages = rowPages({ database });
  }

  /** Fewer at the end. */
  async take(count: number): Promise<Row[]> {
    const rows: Row[] = [];
    while (rows.length < count) {
      if (this.#at === this.#page.length) {
        const { done, value } = (await this.#pages.next()) as IteratorResult<Page, undefined>;
        if (done === true) break;
        this.#page = value;
        this.#at = 0;
      }
      const [key, value] = this.#page[this.#at++]!;
      rows.push({ key, value });
    }
    return rows;
  }
}

/** Where the chain is after an entry. Throws EntriesDoNotFollow when it is not the next one, or is damaged. */
export function chainAfter(before: ChainEnd, bytes: Uint8Array): ChainEnd {
  const position = before.position + 1;
  try {
    const header = verifyEntryBytes(bytes);
    if (header.position !== position) {
      throw new EntriesDoNotFollow(`entry ${header.position}: position ${position} was expected`);
    }
    if (!header.previousHash.equals(before.hash)) {
      throw new EntriesDoNotFollow(`entry ${position}: the entry before it is another one (chain hash)`);
    }
  } catch (error) {
    if (!(error instanceof MalformedBytes) && !(error instanceof RangeError)) throw error;
    throw new EntriesDoNotFollow(`entry ${position} is malformed: ${error.message}`, { cause: error });
  }
  return { position, hash: entryHash(bytes) };
}

/** Up to where the entries beside the copy follow from `start`; `rest` are the keys of those behind a gap. */
export async function followBeside(
  database: Database,
  start: ChainEnd,
): Promise<{ readonly end: ChainEnd; readonly rest: readonly Buffer[] }> {
  let end = start;
  const rest: Buffer[] = [];
  for await (const page of recordPages(database, everything('beside'))) {
    for (const [key, bytes] of page) {
      const after = rest.length === 0 ? followed(end, numberOfKey(key), bytes) : undefined;
      if (after === undefined) rest.push(key);
      else end = after;
    }
  }
  return { end, rest };
}

function followed(before: ChainEnd, position: number, bytes: Buffer): ChainEnd | undefined {
  if (position !== before.position + 1) return undefined;
  try {
    return chainAfter(before, bytes);
  } catch (error) {
    if (error instanceof EntriesDoNotFollow) return undefined;
    throw error;
  }
}
