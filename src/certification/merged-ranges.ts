import { rangeIsEmpty, type KeyRange } from '../model/keys.js';

/**
 * The same keys as disjoint ranges in ascending order, none empty. Searching these instead keeps the cost of many wide
 * ranges that overlap at that of one. O(n log n).
 */
export function mergeRanges(ranges: readonly KeyRange[]): readonly KeyRange[] {
  const ascending = ranges
    .filter((range) => !rangeIsEmpty(range))
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const merged: KeyRange[] = [];
  for (const range of ascending) {
    const last = merged.at(-1);
    if (last === undefined || (last.end !== undefined && last.end < range.start)) merged.push(range);
    else merged[merged.length - 1] = { start: last.start, end: laterEnd(last.end, range.end) };
  }
  return merged;
}

function laterEnd(a: KeyRange['end'], b: KeyRange['end']): KeyRange['end'] {
  return a === undefined || b === undefined ? undefined : a > b ? a : b;
}
