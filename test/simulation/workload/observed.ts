import type { Key, KeyRange } from '../../../src/model/keys.js';
import type { VersionedValue } from '../../../src/model/value.js';
import type { ListPage } from '../../../src/transaction/service.js';

/** A value as a client saw it: who wrote it, and what it holds in one text. */
export interface Seen {
  readonly version: number;
  readonly text: string;
}

/** What a read showed; of a range, the part that was scanned. */
export type Observed =
  | { readonly kind: 'key'; readonly key: Key; readonly seen: Seen | undefined }
  | {
      readonly kind: 'range';
      readonly range: KeyRange;
      readonly entries: readonly { key: Key; seen: Seen }[];
    };

export function seen(value: VersionedValue | undefined): Seen | undefined {
  if (value === undefined) return undefined;
  const text =
    value.value.kind === 'counter'
      ? `counter ${value.value.count}`
      : `bytes ${Buffer.from(value.value.bytes).toString()}`;
  return { version: value.version, text };
}

/** A page of a range as what it says of the keys that it scanned. */
export function observedRange(
  range: KeyRange,
  page: Pick<ListPage, 'entries' | 'rest'>,
  reverse: boolean,
): Observed {
  const { rest } = page;
  let scanned = range;
  if (rest !== undefined) {
    scanned = reverse ? { start: rest.end!, end: range.end } : { start: range.start, end: rest.start };
  }
  return {
    kind: 'range',
    range: scanned,
    entries: page.entries.map(({ key, value }) => ({ key, seen: seen(value)! })),
  };
}
