import type { Key, KeyRange } from '../model/keys.js';
import type { VersionedValue } from '../model/value.js';
import { assert } from '../model/assert.js';
import type { TransactionId } from '../model/ids.js';
import { needsOf, type BaseState, type GroupEffect } from './evaluate.js';
import type { DecodedEntry } from './follow.js';
import {
  dataKey,
  decodeData,
  encodeData,
  encodeHead,
  encodeStoredOutcome,
  entryKey,
  expiryKey,
  headKey,
  keyOfDataKey,
  outcomeKey,
  type HeadRecord,
} from './layout.js';
import { databaseReadError } from './level-errors.js';
import type { SharedState } from './shared-state.js';
import { dataRange } from './snapshot-reader.js';
import type { Operation } from './write-batch.js';

/** Up to here one synchronous read after another is faster than the way through the thread pool. */
const syncReadsMax = 16;
const pageKeys = 1000;

async function readMany(state: SharedState, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
  const { database, snapshot } = state;
  try {
    if (keys.length > syncReadsMax) return await database.getMany([...keys], { snapshot });
    return keys.map((key) => database.getSync(key, { snapshot }));
  } catch (error) {
    throw databaseReadError(error);
  }
}

/** Reads what the group must know of the state before it. Throws ReadFailed, and a bug's error when an id of it has an outcome already. */
export async function readBase(state: SharedState, group: readonly DecodedEntry[]): Promise<BaseState> {
  const needs = needsOf(group);
  await expectNewIds(state, group);
  const at = needs.keys.map(dataKey);
  const found = await readMany(state, at);
  const records = new Map<Key, VersionedValue | undefined>();
  found.forEach((record, i) => {
    records.set(needs.keys[i]!, record === undefined ? undefined : decodeData(at[i]!, record));
  });
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

async function expectNewIds(state: SharedState, group: readonly DecodedEntry[]): Promise<void> {
  const ids: TransactionId[] = [];
  for (const { entry, writeSets } of group) {
    for (const { id } of writeSets) ids.push(id);
    if (entry.content.kind !== 'batch') continue;
    for (const item of entry.content.items) if (item.kind === 'tombstone') ids.push(item.id);
  }
  const found = await readMany(state, ids.map(outcomeKey));
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
    const at = dataKey(key);
    const hintBefore = base.records.get(key)?.expiresAtMs;
    if (hintBefore !== undefined && hintBefore !== record?.expiresAtMs) {
      operations.push({ type: 'del', key: expiryKey(hintBefore, key) });
    }
    if (record === undefined) {
      operations.push({ type: 'del', key: at });
      continue;
    }
    operations.push({ type: 'put', key: at, value: encodeData(at, record) });
    if (record.expiresAtMs !== undefined) {
      operations.push({ type: 'put', key: expiryKey(record.expiresAtMs, key), value: emptyValue });
    }
  }
  for (const outcomes of effect.outcomes) {
    for (const { id, outcome } of outcomes) {
      const at = outcomeKey(id);
      operations.push({ type: 'put', key: at, value: encodeStoredOutcome(at, outcome) });
    }
  }
  operations.push({ type: 'put', key: headKey, value: encodeHead(head) });
  return operations;
}

const emptyValue = Buffer.alloc(0);
