import { expect, it } from 'vitest';
import { assertNever } from './assert.js';

it('names the value that no case handled', () => {
  expect(() => assertNever({ kind: 'new' } as never)).toThrow('unexpected value: {"kind":"new"}');
});

it('names values that JSON cannot hold', () => {
  expect(() => assertNever(undefined as never)).toThrow('unexpected value: undefined');
  expect(() => assertNever(7n as never)).toThrow('unexpected value: 7');
});
