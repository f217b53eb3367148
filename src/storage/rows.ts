import type { AbstractSnapshot } from 'abstract-level';
import { flushToTables } from './compaction.js';
import { everything, verifyRow } from './layout.js';
import { recordPages } from './record-pages.js';
import type { Database, Row } from './store.js';

/** What a copy of a state is made of, in the order of the database keys. */
const copied = ['data', 'outcome', 'expiry'] as const;
const copiedBytes = new Set<number | undefined>(copied.map((kind) => everything(kind).gte[0]));
const sampleBytes = 256 * 1024;

interface Source {
  readonly database: Database;
  /** Undefined: of the database as it is. */
  readonly snapshot?: AbstractSnapshot;
}

/** All rows of a state after `after` (undefined: from the first), in pages of about `pageBytes`, as they lie there. */
export async function* rowPages(
  { database, snapshot }: Source,
  after?: Buffer,
  pageBytes?: number,
): AsyncGenerator<readonly [Buffer, Buffer][]> {
  for (const kind of copied) {
    const { gte, lt } = everything(kind);
    if (after !== undefined && after.compare(lt) >= 0) continue;
    const from = after !== undefined && after.compare(gte) > 0 ? { gt: after } : { gte };
    yield* recordPages(database, { ...from, lt, ...(snapshot && { snapshot }) }, pageBytes);
  }
}

/** Whether a copy is made of records with such keys. */
export function isCopied(key: Buffer): boolean {
  return copiedBytes.has(key[0]);
}

/**
 * Rows after `after`, about `bytesMax` of them, one at least when there is one; none at the end. Each is verified, so that
 * damage is not copied: throws StoreDamaged.
 */
export async function readRows(
  source: Source,
  after: Buffer | undefined,
  bytesMax: number,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let bytes = 0;
  for await (const page of rowPages(source, after, bytesMax)) {
    for (const [key, value] of page) {
      bytes += key.length + value.length;
      if (rows.length > 0 && bytes > bytesMax) return rows;
      const row = { key, value };
      verifyRow(row);
      rows.push(row);
    }
  }
  return rows;
}

interface TellsSizes {
  approximateSize(start: Buffer, end: Buffer): Promise<number>;
}

/**
 * Of all rows, roughly. LevelDB says what its tables take, compressed, so a sample of the first rows tells by how much; what
 * is in its memory alone is moved into tables before. A database that tells no sizes is read.
 */
export async function estimateRowsBytes(source: Source): Promise<number> {
  const sizes = source.database as Database & Partial<TellsSizes>;
  if (sizes.approximateSize === undefined) return sumRows(await readRows(source, undefined, Infinity));
  const sample = await readRows(source, undefined, sampleBytes);
  const last = sample.at(-1);
  if (last === undefined) return 0;
  const sampled = sumRows(sample);
  await flushToTables(source.database);
  const stored = await sizes.approximateSize(sample[0]!.key, last.key);
  const ratio = stored === 0 ? 1 : Math.max(1, sampled / stored);
  let total = 0;
  for (const kind of copied) {
    const { gte, lt } = everything(kind);
    total += await sizes.approximateSize(gte, lt);
  }
  return Math.max(sampled, Math.round(total * ratio));
}

function sumRows(rows: readonly Row[]): number {
  return rows.reduce((total, { key, value }) => total + key.length + value.length, 0);
}
