import type { Key, KeyRange } from '../model/keys.js';
import { assert } from '../model/assert.js';
import type { TransactionId } from '../model/ids.js';
import { needsOf, type BaseState, type GroupEffect } from './evaluate.js';
import type { DecodedEntry } from './follow.js';
import type { FreshIds } from './fresh-ids.js';
import {
  dataKey,
  dataRow,
  decodeData,
  encodeHead,
  entryKey,
  expiryKey,
  headKey,
  keyOfDataKey,
  outcomeKey,
  outcomeRow,
  type HeadRecord,
} from './layout.js';
import { databaseReadError } from './level-errors.js';
import type { SharedState } from './shared-state.js';
import type { Row } from './store.js';
import { dataRange } from './snapshot-reader.js';
import type { Operation } from './write-batch.js';

/** Up to here one synchronous read after another is faster than the way through the thread pool. */
const syncReadsMax = 16;
const pageKeys = 1000;

/** Of `keys` as one database call reads them, or one by one where they are few. */
async function readMany<K, T>(
  keys: readonly K[],
  one: (key: K) => T,
  many: () => Promise<readonly T[]>,
): Promise<readonly T[]> {
  try {
    return keys.length > syncReadsMax ? await many() : keys.map(one);
  } catch (error) {
    throw databaseReadError(error);
  }
}

/** Reads what the group must know of the state before it. Throws ReadFailed, and a bug's error when an id of it has an outcome already. */
export async function readBase(
  state: SharedState,
  group: readonly DecodedEntry[],
  freshIds: FreshIds,
): Promise<BaseState> {
  const needs = needsOf(group);
  await expectNewIds(state, group, freshIds);
  const { database, snapshot } = state;
  const found = await readMany(
    needs.keys,
    (key) => state.record(key),
    async () => {
      const at = needs.keys.map(dataKey);
      const records = await database.getMany(at, { snapshot });
      return records.map((record, i) => (record === undefined ? undefined : decodeData(at[i]!, record)));
    },
  );
  const records = new Map(needs.keys.map((key, i) => [key, found[i]]));
  const present = new Set<Key>();
  for (const range of needs.ranges) await addPresent(state, range, present);
  return { records, present };
}

async function addPresent(state: SharedState, range: KeyRange, present: Set<Key>): Promise<void> {
  const { database, snapshot } = state;
  const keys = database.keys({ ...dataRange(range), snapshot, fillCache: false } as object);
  try {
    for (let page = await keys.nextv(pageKeys); page.length > 0; page = await keys.nextv(pageKeys)) {
      for (const key of page) present.add(keyOfDataKey(key));
    }
  } catch (error) {
    throw databaseReadError(error);
  } finally {
    await keys.close();
  }
}

async function expectNewIds(
  state: SharedState,
  group: readonly DecodedEntry[],
  freshIds: FreshIds,
): Promise<void> {
  const ids: TransactionId[] = [];
  const note = (id: TransactionId): void => {
    if (!freshIds.isFresh(id)) ids.push(id);
  };
  for (const { entry, writeSets } of group) {
    for (const { id } of writeSets) note(id);
    if (entry.content.kind !== 'batch') continue;
    for (const item of entry.content.items) if (item.kind === 'tombstone') note(item.id);
  }
  if (ids.length === 0) return;
  const { database, snapshot } = state;
  const found = await readMany(
    ids,
    (id) => state.read(outcomeKey(id)),
    () => database.getMany(ids.map(outcomeKey), { snapshot }),
  );
  found.forEach((outcome, i) => {
    assert(outcome === undefined, `transaction id ${ids[i]} has an outcome already and gets a second one`);
  });
}

/** The one batch of a group: entries, data with expiry hints, outcomes, head. */
export function groupOperations(
  group: readonly DecodedEntry[],
  base: BaseState,
  effect: GroupEffect,
  head: HeadRecord,
): Operation[] {
  const operations: Operation[] = [];
  for (const { entry, bytes } of group) {
    const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    operations.push({ type: 'put', key: entryKey(entry.position), value });
  }
  for (const [key, record] of effect.changes) {
    const hintBefore = base.records.get(key)?.expiresAtMs;
    if (hintBefore !== undefined && hintBefore !== record?.expiresAtMs) {
      operations.push({ type: 'del', key: expiryKey(hintBefore, key) });
    }
    if (record === undefined) {
      operations.push({ type: 'del', key: dataKey(key) });
      continue;
    }
    operations.push(put(dataRow(key, record)));
    if (record.expiresAtMs !== undefined) {
      operations.push({ type: 'put', key: expiryKey(record.expiresAtMs, key), value: emptyValue });
    }
  }
  for (const outcomes of effect.outcomes) {
    for (const { id, outcome } of outcomes) {
      operations.push(put(outcomeRow(id, outcome)));
    }
  }
  operations.push({ type: 'put', key: headKey, value: encodeHead(head) });
  return operations;
}

const emptyValue = Buffer.alloc(0);

function put({ key, value }: Row): Operation {
  return { type: 'put', key, value };
}
