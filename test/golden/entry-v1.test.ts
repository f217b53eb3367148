import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { decodeEntry, encodeEntry } from '../../src/model/entry.js';
import { abortCodes } from '../../src/model/outcome.js';
import {
  decodeWriteSet,
  decodeWriteSetHeader,
  encodeWriteSet,
  type Mutation,
} from '../../src/model/write-set.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import type { KeyspaceStore } from '../../src/storage/store.js';
import { FaultyDisk } from '../support/faulty-database.js';
import { testId } from '../support/chain.js';

interface Golden {
  readonly entries: readonly { readonly kind: string; readonly position: number; readonly hex: string }[];
  readonly chainHash: string;
  readonly idFloorMs: number;
  readonly state: { readonly hash: string; readonly keys: number };
  readonly lastResults: readonly (string | null)[];
}

const golden = JSON.parse(await readFile(new URL('entry-v1.json', import.meta.url), 'utf8')) as Golden;
const encoded = golden.entries.map(({ hex }) => Buffer.from(hex, 'hex'));
const decoded = encoded.map((bytes) => decodeEntry(bytes));
const items = decoded.flatMap(({ content }) => (content.kind === 'batch' ? content.items : []));
const writeSets = items.flatMap((item) => (item.kind === 'transaction' ? [item.writeSet] : []));

async function replayed(groups: readonly (readonly Buffer[])[]): Promise<KeyspaceStore> {
  const store = await openKeyspaceStore(new FaultyDisk().open, silentLogger);
  for (const group of groups) await store.apply(group);
  return store;
}

it('covers every kind of entry, of mutation and of tombstone', () => {
  const mutations = writeSets.flatMap((bytes): readonly Mutation[] => decodeWriteSet(bytes).mutations);
  const kinds = ['set', 'delete', 'deleteRange', 'sum', 'min', 'max', 'expire'];
  expect(new Set(decoded.map(({ kind }) => kind))).toEqual(new Set(['genesis', 'barrier', 'batch', 'mark']));
  expect(new Set(mutations.map(({ kind }) => kind))).toEqual(new Set(kinds));
  const codes = items.flatMap((item) => (item.kind === 'tombstone' ? [item.outcome.code] : []));
  expect(new Set(codes)).toEqual(new Set(abortCodes));
});

it('decodes to the headers that were written', () => {
  const headers = decoded.map(({ kind, epoch, position, firstSeqno, count, logTimeMs }) => {
    return { kind, epoch, position, firstSeqno, count, logTimeMs };
  });
  expect(headers).toEqual(golden.entries.map(({ hex: _, ...header }) => header));
});

it('is encoded again byte for byte', () => {
  expect(decoded.map((entry) => encodeEntry(entry).toString('hex'))).toEqual(
    golden.entries.map(({ hex }) => hex),
  );
  for (const bytes of writeSets) {
    expect(encodeWriteSet(decodeWriteSet(bytes))).toEqual(bytes);
    const { mutations, ...header } = decodeWriteSet(bytes);
    expect(decodeWriteSetHeader(bytes)).toMatchObject(header);
    expect(decodeWriteSetHeader(bytes).effects).toHaveLength(mutations.length);
  }
});

it.each([
  ['in one group', [encoded]],
  ['one by one', encoded.map((bytes) => [bytes])],
])('comes to the same state and chain for ever, applied %s', async (_, groups) => {
  const store = await replayed(groups);
  expect(store.head.chainHash.toString('hex')).toBe(golden.chainHash);
  expect(store.head.idFloorMs).toBe(golden.idFloorMs);
  expect(await store.snapshot().stateHash()).toEqual(golden.state);
  const last = store.outcome(testId(1_700_000_000_006));
  const results =
    last?.kind === 'committed' ? last.results.map((result) => result?.toString() ?? null) : undefined;
  expect(results).toEqual(golden.lastResults);
});

it('notices one changed byte anywhere in an entry', () => {
  const bytes = encoded[1]!;
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = changed[at]! ^ 1;
    expect(() => decodeEntry(changed), `byte ${at}`).toThrow();
  }
});
