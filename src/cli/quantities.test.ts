import { expect, it } from 'vitest';
import { barText, bytesText } from './quantities.js';

it('bytes have the unit that leaves at most four digits', () => {
  expect([0, 1023, 1024, 1536, 1024 ** 2 - 1, 1024 ** 3, 1024 ** 4 * 5000].map(bytesText)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '1.0 MiB',
    '1.0 GiB',
    '5000.0 TiB',
  ]);
});

it('a bar is full only when all is there, and never beyond', () => {
  expect(barText(0)).toBe(`${'░'.repeat(20)}   0 %`);
  expect(barText(0.999)).toBe(`${'█'.repeat(19)}░  99 %`);
  expect(barText(1.3)).toBe(`${'█'.repeat(20)} 100 %`);
});
