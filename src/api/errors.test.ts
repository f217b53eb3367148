import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorsPage } from '../../docs/reference/make-errors.js';
import { catalogue, failure, type ErrorCode } from '../model/errors.js';
import { errorCodes, problemOf, retryAfterSeconds, retryOf } from './errors.js';

const page = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');

describe('problems', () => {
  it.each(errorCodes)('%s takes its status and retry from the catalogue', (code) => {
    const problem = problemOf(failure(code, 'why', { details: { field: 'x' } }));
    expect(problem).toEqual({
      type: `urn:meridian:error:${code}`,
      title: expect.stringMatching(/^[A-Z][a-z ]+$/) as string,
      status: catalogue[code].http,
      detail: 'why',
      code,
      retryable: catalogue[code].retry !== 'no',
      retry: catalogue[code].retry,
      outcome: 'not-committed',
      field: 'x',
    });
  });

  it('has no field in the catalogue that hides a member of a problem', () => {
    const members = Object.keys(problemOf(failure('INTERNAL', '')));
    const fields = errorCodes.flatMap((code) => [...catalogue[code].fields] as string[]);
    expect(fields.filter((field) => members.includes(field))).toEqual([]);
  });

  it('allows a retry of an unknown outcome only under the same id', () => {
    for (const code of errorCodes) {
      const unknown = failure(code, '', { outcome: 'unknown' });
      expect(retryOf(unknown)).toBe(catalogue[code].retry === 'no' ? 'no' : 'same-id');
    }
  });

  it('rounds the delay of a retry up to whole seconds', () => {
    expect(retryAfterSeconds(failure('OVERLOADED', '', { details: { retryAfterMs: 1001 } }))).toBe(2);
    expect(retryAfterSeconds(failure('OVERLOADED', ''))).toBe(1);
    expect(retryAfterSeconds(failure('CHECK_FAILED', ''))).toBeUndefined();
  });
});

describe('docs/reference/errors.md', () => {
  const documented = [...page.matchAll(/^## (.+)$/gm)].map((match) => match[1]);

  it('has every code of the catalogue', () => {
    expect(errorCodes.filter((code) => !documented.includes(code))).toEqual([]);
  });

  it('has no code that the catalogue has not', () => {
    expect(documented.filter((code) => !errorCodes.includes(code as ErrorCode))).toEqual([]);
  });

  it('is what the catalogue makes of it', () => {
    expect(page, 'run: npx tsx docs/reference/make-errors.ts').toBe(errorsPage());
  });
});
