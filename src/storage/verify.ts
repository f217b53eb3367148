import { MalformedBytes } from '../model/bytes.js';
import {
  decodeEntry,
  entryHash,
  lastSeqnoOf,
  verifyEntryBytes,
  zeroHash,
  type EntryHeader,
} from '../model/entry.js';
import { Census } from './census.js';
import { emptyHead } from './follow.js';
import {
  condemnedKey,
  decodeCondemned,
  decodeElection,
  decodeHead,
  decodeReplaced,
  electionKey,
  encodeFormat,
  everything,
  formatKey,
  headKey,
  positionOfEntryKey,
  replacedKey,
  timeOfOutcomeKey,
  verifyFormat,
  type HeadRecord,
} from './layout.js';
import { readError } from './level-errors.js';
import { readOutcomeCounts } from './outcome-counts.js';
import { StoreDamaged, type Condemned, type Database, type ReplacedHistory } from './store.js';
import { writeBatch } from './write-batch.js';

const pageEntries = 1000;
const pageBytesMax = 4 * 1024 * 1024;

export interface Verified extends HeadRecord {
  readonly election: Buffer | undefined;
  readonly condemned: Condemned | undefined;
  /** The time of the newest id that has an outcome; 0 when none has. */
  readonly newestOutcomeMs: number;
  readonly replaced: readonly ReplacedHistory[];
  readonly census: Census;
}

const emptyRecord: HeadRecord = { head: emptyHead, oldestPosition: 0, hashBeforeOldest: zeroHash };

function nothing(): Verified {
  const nothing = { election: undefined, condemned: undefined };
  return { ...emptyRecord, ...nothing, newestOutcomeMs: 0, replaced: [], census: new Census(0) };
}

/**
 * Reads where a store stands and verifies what LevelDB does not: that the kept entries are dense, chained and whole up to
 * the head, and that the head is theirs. Data and outcomes came in the same batches as the entries, so a lost batch shows
 * as a missing entry; each is checksummed by itself and verified when read. A new database gets its format record.
 * Throws StoreDamaged with what is wrong and at which position.
 */
export async function verifyDatabase(database: Database): Promise<Verified> {
  try {
    const format = await database.get(formatKey);
    if (format === undefined) {
      await expectNothingElse(database);
      await writeBatch(database, [{ type: 'put', key: formatKey, value: encodeFormat() }]);
      return nothing();
    }
    verifyFormat(format);
    const record = await database.get(headKey);
    if (record === undefined) {
      await expectNothingElse(database);
      return nothing();
    }
    const stored = decodeHead(record);
    const { counts, areRecorded } = await readOutcomeCounts(database);
    const census = new Census(stored.oldestPosition, counts, areRecorded);
    await verifyEntries(database, stored, census);
    const election = await database.get(electionKey);
    const condemned = await database.get(condemnedKey);
    const replaced = await database.get(replacedKey);
    return {
      ...stored,
      election: election === undefined ? undefined : decodeElection(election),
      condemned: condemned === undefined ? undefined : decodeCondemned(condemned),
      newestOutcomeMs: await newestOutcomeMs(database),
      replaced: replaced === undefined ? [] : decodeReplaced(replaced),
      census,
    };
  } catch (error) {
    throw readError(error);
  }
}

/** Outcomes lie in the order of their ids' times. */
async function newestOutcomeMs(database: Database): Promise<number> {
  const [newest] = await database.keys({ ...everything('outcome'), reverse: true, limit: 1 }).all();
  return newest === undefined ? 0 : timeOfOutcomeKey(newest);
}

async function expectNothingElse(database: Database): Promise<void> {
  for (const key of await database.keys({ limit: 2 }).all()) {
    if (!key.equals(formatKey)) {
      throw new StoreDamaged('the format or head record is missing, but other records are there');
    }
  }
}

async function verifyEntries(database: Database, stored: HeadRecord, census: Census): Promise<void> {
  const { head, oldestPosition } = stored;
  const chain = new EntryChain(stored);
  const iterator = database.iterator({
    ...everything('entry'),
    fillCache: false,
    highWaterMarkBytes: pageBytesMax,
  } as object);
  try {
    for (;;) {
      const rows = await iterator.nextv(pageEntries);
      if (rows.length === 0) break;
      for (const [key, bytes] of rows) {
        const { logTimeMs } = chain.add(positionOfEntryKey(key), bytes);
        census.addEntry(key.length + bytes.length, logTimeMs);
      }
    }
  } finally {
    await iterator.close();
  }
  chain.end();
  if (oldestPosition === 0) await verifyGenesis(database, head.keyspaceId);
}

async function verifyGenesis(database: Database, keyspaceId: string | undefined): Promise<void> {
  const [bytes] = await database.values({ ...everything('entry'), limit: 1 }).all();
  const content = bytes === undefined ? undefined : decodeEntry(bytes).content;
  if (content?.kind !== 'genesis' || content.keyspaceId !== keyspaceId) {
    throw new StoreDamaged('the genesis is of another history than the head record');
  }
}

/** Verifies entries one after another, from the oldest kept to the head. */
class EntryChain {
  readonly #stored: HeadRecord;
  #position: number;
  #hash: Buffer;
  #last: EntryHeader | undefined;

  constructor(stored: HeadRecord) {
    this.#stored = stored;
    this.#position = stored.oldestPosition - 1;
    this.#hash = stored.hashBeforeOldest;
  }

  add(position: number, bytes: Buffer): EntryHeader {
    const { head, oldestPosition } = this.#stored;
    if (position < oldestPosition) {
      throw new StoreDamaged(`entry ${position} is there, but the oldest kept is ${oldestPosition}`);
    }
    if (position > head.position) {
      throw new StoreDamaged(`entry ${position} lies above the head ${head.position}`);
    }
    if (position !== this.#position + 1) throw new StoreDamaged(`entry ${this.#position + 1} is missing`);
    const header = verifiedHeader(position, bytes);
    if (header.position !== position) {
      throw new StoreDamaged(`entry ${position} is in truth entry ${header.position}`);
    }
    if (!header.previousHash.equals(this.#hash)) {
      throw new StoreDamaged(`entry ${position} does not follow the entry before it (chain hash)`);
    }
    if (this.#last !== undefined && header.firstSeqno !== lastSeqnoOf(this.#last) + 1) {
      throw new StoreDamaged(`entry ${position} begins at seqno ${header.firstSeqno}, not at the next one`);
    }
    this.#position = position;
    this.#hash = entryHash(bytes);
    this.#last = header;
    return header;
  }

  end(): void {
    const { head } = this.#stored;
    if (this.#position !== head.position) {
      throw new StoreDamaged(`entry ${this.#position + 1} is missing: the head is ${head.position}`);
    }
    const same = this.#last === undefined || lastSeqnoOf(this.#last) === head.seqno;
    if (!same || !this.#hash.equals(head.chainHash)) {
      throw new StoreDamaged(`the head record is not that of entry ${head.position}`);
    }
  }
}

function verifiedHeader(position: number, bytes: Buffer): EntryHeader {
  try {
    return verifyEntryBytes(bytes);
  } catch (error) {
    if (!(error instanceof MalformedBytes) && !(error instanceof RangeError)) throw error;
    throw new StoreDamaged(`entry ${position} is damaged: ${error.message}`, { cause: error });
  }
}
