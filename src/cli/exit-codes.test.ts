import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { catalogue } from '../model/errors.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';

const problem = (code: string, outcome: string, status: number) =>
  ({ kind: 'problem', status, code, detail: '', outcome, fields: {} }) as const;

it('stand in the guide, all of them', () => {
  const guide = readFileSync('docs/guides/operations.md', 'utf8').split('## Exit status')[1]!;
  const told = [...guide.matchAll(/^\| (\d) /gm)].map((match) => Number(match[1]));
  expect(told).toEqual(Object.values(exitCodes));
});

it('say for every code of the catalogue what became of a write', () => {
  const codesOf = (wanted: number): string[] =>
    Object.entries(catalogue)
      .filter(([code, { http }]) => exitCodeOf(problem(code, 'not-committed', http), true) === wanted)
      .map(([code]) => code);
  const conflicts = ['CERTIFICATION_CONFLICT', 'TRANSACTION_ABORTED', 'CHECK_FAILED', 'SNAPSHOT_TOO_OLD'];
  expect(codesOf(exitCodes.conflict)).toEqual(conflicts);
  expect(codesOf(exitCodes.notFound)).toEqual([
    'TRANSACTION_NOT_FOUND',
    'KEY_NOT_FOUND',
    'KEYSPACE_NOT_FOUND',
  ]);
  expect(codesOf(exitCodes.unavailable)).toContain('SEQUENCER_UNAVAILABLE');
  expect(codesOf(exitCodes.error)).toContain('INVALID_ARGUMENT');
  expect(codesOf(exitCodes.unknownOutcome)).toEqual([]);
});

it('never say of a write that nothing was written when that is not known', () => {
  for (const [code, { http }] of Object.entries(catalogue))
    expect(exitCodeOf(problem(code, 'unknown', http), true)).toBe(exitCodes.unknownOutcome);
  expect(exitCodeOf({ kind: 'no-answer', message: '' }, true)).toBe(exitCodes.unknownOutcome);
});

it('of a code that a newer node may send is that of an error', () => {
  expect(exitCodeOf(problem('toString', 'not-committed', 400), true)).toBe(exitCodes.error);
});
