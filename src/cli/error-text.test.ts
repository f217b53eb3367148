import { expect, it } from 'vitest';
import { errorText } from './error-text.js';

it('adds the causes, once each', () => {
  const cause = new Error('the file is locked', { cause: 'by another' });
  expect(errorText(new Error('cannot open', { cause }))).toBe('cannot open: the file is locked: by another');
  expect(errorText(new Error('cannot open: locked', { cause: new Error('locked') }))).toBe(
    'cannot open: locked',
  );
});

it('ends where causes go in a circle', () => {
  const error = new Error('round');
  error.cause = error;
  expect(errorText(error)).toBe('round');
});

it('takes what is no error', () => {
  expect(errorText('text')).toBe('text');
});
