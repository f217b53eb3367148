import type { AbstractSnapshot } from 'abstract-level';
import { everything } from './layout.js';
import type { Database, Row } from './store.js';

/** What a copy of a state is made of, in the order of the database keys. */
const copied = ['data', 'outcome', 'expiry'] as const;
const pageRows = 4096;
const sampleBytes = 1024 * 1024;

interface Source {
  readonly database: Database;
  readonly snapshot: AbstractSnapshot;
}

/** Whether a copy of a state has a record of this key. */
export function isCopied(key: Buffer): boolean {
  return copied.some((kind) => key[0] === everything(kind).gte[0]);
}

/** Rows after `after`, about `bytesMax` of them, one at least when there is one; none at the end. */
export async function readRows(
  source: Source,
  after: Buffer | undefined,
  bytesMax: number,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let bytes = 0;
  for (const kind of copied) {
    const { gte, lt } = everything(kind);
    if (after !== undefined && after.compare(lt) >= 0) continue;
    const from = after !== undefined && after.compare(gte) > 0 ? { gt: after } : { gte };
    const pages = pagesOf(source, { ...from, lt }, bytesMax);
    for await (const page of pages) {
      for (const [key, value] of page) {
        const more = key.length + value.length;
        if (rows.length > 0 && bytes + more > bytesMax) return rows;
        rows.push({ key, value });
        bytes += more;
      }
    }
  }
  return rows;
}

async function* pagesOf({ database, snapshot }: Source, range: object, bytesMax: number) {
  const options = { ...range, snapshot, fillCache: false, highWaterMarkBytes: bytesMax };
  const iterator = database.iterator(options as object);
  try {
    for (;;) {
      const page = await iterator.nextv(pageRows);
      if (page.length === 0) return;
      yield page;
    }
  } finally {
    await iterator.close();
  }
}

interface TellsSizes {
  approximateSize(start: Buffer, end: Buffer): Promise<number>;
}

/**
 * Of all rows, roughly. LevelDB says what its tables take, compressed, so a sample of the first rows tells by how much; what
 * is in its memory alone is not counted. A database that tells no sizes is read.
 */
export async function estimateRowsBytes(source: Source): Promise<number> {
  const sizes = source.database as Database & Partial<TellsSizes>;
  if (sizes.approximateSize === undefined) return sumRows(await readRows(source, undefined, Infinity));
  const sample = await readRows(source, undefined, sampleBytes);
  const last = sample.at(-1);
  if (last === undefined) return 0;
  const sampled = sumRows(sample);
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
