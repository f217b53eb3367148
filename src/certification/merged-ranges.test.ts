import { describe, expect, it } from 'vitest';
import type { Key, KeyRange } from '../model/keys.js';
import { mergeRanges } from './merged-ranges.js';

const range = (start: string, end?: string): KeyRange => ({
  start: start as Key,
  end: end as Key | undefined,
});

describe('mergeRanges', () => {
  it('joins ranges that overlap or touch, and sorts the rest', () => {
    expect(mergeRanges([range('x', 'z'), range('c', 'f'), range('a', 'c'), range('d', 'e')])).toEqual([
      range('a', 'f'),
      range('x', 'z'),
    ]);
  });

  it('lets a range without end take in all above it', () => {
    expect(mergeRanges([range('m'), range('p', 'q'), range('a', 'b')])).toEqual([
      range('a', 'b'),
      range('m'),
    ]);
    expect(mergeRanges([range('a', 'n'), range('m')])).toEqual([range('a')]);
  });

  it('leaves out empty and reversed ranges', () => {
    expect(mergeRanges([range('b', 'b'), range('c', 'a'), range('d', 'e')])).toEqual([range('d', 'e')]);
  });
});
