import { assert } from '../model/assert.js';
import { encodeEntry, entryHash, zeroHash } from '../model/entry.js';
import { epoch, logPosition, seqno, type KeyspaceId, type Seqno } from '../model/ids.js';
import type { Logger } from '../runtime/runtime.js';
import { compactRange, flushToTables } from './compaction.js';
import { withoutEntries } from './incoming-layout.js';
import { electionKey, encodeHead, encodeReplaced, everything, headKey, replacedKey } from './layout.js';
import { readError } from './level-errors.js';
import { openVerified } from './open-verified.js';
import { ApplyFailed, type Database, type Head, type OpenDatabase, type ReplacedHistory } from './store.js';
import type { Verified } from './verify.js';
import type { Operation } from './write-batch.js';

/** What the new history is to be. */
export interface NewHistory {
  /** Fresh: never used by another history. */
  readonly keyspaceId: KeyspaceId;
  readonly keyspace: string;
  /** Not below any seqno that the history before may have given: the next transaction gets the one above. */
  readonly seqnoBase: Seqno;
  /** 16 bytes, of whoever begins it. */
  readonly nonce: Buffer;
  readonly nowMs: number;
  /** Further histories that it takes the place of, beside that of the store: their copies are refused too. */
  readonly alsoReplaced?: readonly ReplacedHistory[];
}

const pageKeys = 10_000;

/**
 * Makes a closed store the beginning of a new history: data and outcomes stay, entries, chain hashes and the election go,
 * the history before is noted as replaced. Its genesis is not kept, so that nobody comes to this history but by a copy.
 * One atomic synced batch: cut off at any moment, the store is of the one history or of the other, and the same call may be
 * made again. Resolves to the head, with the store closed. Throws StoreDamaged, ApplyFailed.
 */
export async function beginNewHistory(
  openDatabase: OpenDatabase,
  history: NewHistory,
  logger: Logger,
): Promise<Head> {
  const { database, verified } = await openVerified(openDatabase);
  try {
    if (verified.head.keyspaceId === history.keyspaceId) return verified.head;
    const head = headOf(history, verified.head);
    // An entry may only be dropped when its batch has left LevelDB's log.
    await flushToTables(database);
    const counts = verified.census.spanOperations(new Map());
    await rewrite(database, [...beginning(replacedBy(history, verified), head), ...counts]);
    await compactRange(database, everything('entry').gte, everything('hashes').lt);
    const { keyspaceId, position, seqno: lastSeqno } = verified.head;
    logger.warn({ replaced: keyspaceId, position, seqno: lastSeqno, head }, 'a new history has begun');
  } catch (error) {
    throw readError(error);
  } finally {
    await database.close();
  }
  const reopened = await openVerified(openDatabase);
  await reopened.database.close();
  return reopened.verified.head;
}

/**
 * The genesis of a store that is the beginning of a new history and holds nothing after it: the bytes whose hash its head
 * carries, which the store itself does not keep.
 */
export function genesisOf(head: Head, keyspace: string): Buffer {
  const { keyspaceId, position, seqno: seqnoBase } = head;
  assert(keyspaceId !== undefined && position === 0, `the store has come to position ${position}`);
  const genesis = encodeGenesis({ ...head, keyspaceId, keyspace, seqnoBase });
  assert(entryHash(genesis).equals(head.chainHash), 'this history did not begin with a copy');
  return genesis;
}

interface Genesis extends Pick<Head, 'epoch' | 'logTimeMs' | 'nonce'> {
  readonly keyspaceId: KeyspaceId;
  readonly keyspace: string;
  readonly seqnoBase: Seqno;
}

function encodeGenesis({ epoch: at, logTimeMs, nonce, keyspaceId, keyspace, seqnoBase }: Genesis): Buffer {
  return encodeEntry({
    ...{ kind: 'genesis', epoch: at, position: logPosition(0), logTimeMs, nonce },
    firstSeqno: seqno(seqnoBase + 1),
    count: 0,
    previousHash: zeroHash,
    content: { kind: 'genesis', keyspaceId, keyspace },
  });
}

function headOf({ keyspaceId, keyspace, seqnoBase, nonce, nowMs }: NewHistory, before: Head): Head {
  assert(before.keyspaceId !== undefined, 'a store without a history cannot begin another');
  assert(seqnoBase >= before.seqno, `seqno ${before.seqno} was given already, above ${seqnoBase}`);
  const logTimeMs = Math.max(nowMs, before.logTimeMs);
  // What the copy does not hold of the log before may have settled any older id: none is certified anew.
  const idFloorMs = Math.max(logTimeMs, before.idFloorMs);
  const at = { epoch: epoch(before.epoch + 1), position: logPosition(0), logTimeMs, nonce };
  const genesis = encodeGenesis({ ...at, keyspaceId, keyspace, seqnoBase });
  return { ...at, keyspaceId, seqno: seqnoBase, chainHash: entryHash(genesis), idFloorMs };
}

/** Each once, oldest first. */
function replacedBy({ alsoReplaced = [] }: NewHistory, { head, replaced }: Verified): ReplacedHistory[] {
  const { keyspaceId, position, seqno: lastSeqno } = head;
  const all = [...replaced, ...alsoReplaced, { keyspaceId: keyspaceId!, position, seqno: lastSeqno }];
  return [...new Map(all.map((one) => [one.keyspaceId, one])).values()];
}

function beginning(histories: readonly ReplacedHistory[], head: Head): Operation[] {
  return [
    { type: 'del', key: electionKey },
    { type: 'put', key: replacedKey, value: encodeReplaced(histories) },
    { type: 'put', key: headKey, value: encodeHead(withoutEntries(head)) },
  ];
}

/** One batch drops entries and chain hashes too. */
async function rewrite(database: Database, operations: readonly Operation[]): Promise<void> {
  const batch = database.batch();
  try {
    for (const kind of ['entry', 'hashes'] as const) {
      const keys = database.keys({ ...everything(kind), fillCache: false } as object);
      try {
        for (let page = await keys.nextv(pageKeys); page.length > 0; page = await keys.nextv(pageKeys)) {
          for (const key of page) batch.del(key);
        }
      } finally {
        await keys.close();
      }
    }
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value);
      else batch.del(operation.key);
    }
    await written(batch);
  } finally {
    await batch.close();
  }
}

async function written(batch: ReturnType<Database['batch']>): Promise<void> {
  try {
    await batch.write({ sync: true } as object);
  } catch (error) {
    throw new ApplyFailed(`the new history was not written, or perhaps it was: ${String(error)}`, {
      cause: error,
    });
  }
}
