import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { failureOf } from '../../test/support/scripted-node.js';
import { catalogue } from '../model/errors.js';
import {
  classes,
  clientCodes,
  errorOf,
  errorOfFailure,
  MeridianError,
  OutcomeUnknownError,
  type MeridianErrorCode,
} from './errors.js';

it.each(Object.keys(catalogue))('%s is an error of its own code, with what the catalogue advises', (code) => {
  const error = errorOfFailure(failureOf(code, { details: { transactionId: 'id', limit: 5 } }));
  expect(error).toBeInstanceOf(MeridianError);
  expect(error).toMatchObject({ code, transactionId: 'id', details: { limit: 5 } });
  expect(error.retry).toBe(catalogue[code as keyof typeof catalogue].retry);
  expect(error.name).toBe(error.constructor.name);
});

it('keeps the code of a later version, and what the node says about it', () => {
  const error = errorOfFailure(failureOf('BRAND_NEW', { retry: 'later', outcome: 'unknown' }));
  expect(error).toMatchObject({ code: 'BRAND_NEW', retry: 'later', outcome: 'unknown' });
});

it('takes an outcome that is none for unknown, and details that are none for nothing', () => {
  const error = errorOfFailure(failureOf('INTERNAL', { outcome: '', detailsJson: '{' }));
  expect(error).toMatchObject({ outcome: 'unknown', details: {} });
});

it('an unknown outcome is told by the class', () => {
  const error = errorOfFailure(failureOf('COMMIT_OUTCOME_UNKNOWN', { details: { transactionId: 'id' } }));
  expect(error).toBeInstanceOf(OutcomeUnknownError);
  expect(error.outcome).toBe('unknown');
});

it('the reference has every class with its codes, and every code of the client', () => {
  const page = readFileSync(new URL('../../docs/reference/sdk.md', import.meta.url), 'utf8');
  const rows = page.slice(page.indexOf('## Errors')).split('\n');
  for (const code of Object.keys(classes) as MeridianErrorCode[]) {
    const { name } = errorOf({ code, message: '' });
    expect(rows.find((row) => row.startsWith(`| \`${name}\``))).toContain(`\`${code}\``);
  }
  for (const code of Object.keys(clientCodes)) expect(page).toContain(`\`${code}\``);
  const named = [...rows.join('').matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)].map(([code]) => code);
  for (const code of named) expect({ ...catalogue, ...clientCodes }).toHaveProperty(code);
});
