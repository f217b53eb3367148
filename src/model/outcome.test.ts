import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anyOutcome } from '../../test/support/model-arbitraries.js';
import { ByteWriter, MalformedBytes } from './bytes.js';
import { seqno } from './ids.js';
import {
  decodeOutcome,
  encodeOutcome,
  outcomeMatches,
  type AbortedOutcome,
  type LoggedOutcome,
} from './outcome.js';

function encoded(outcome: LoggedOutcome): Buffer {
  const writer = new ByteWriter();
  encodeOutcome(writer, outcome);
  return writer.finish();
}

it('reads back what was written', () => {
  fc.assert(
    fc.property(anyOutcome, (outcome) => {
      expect(decodeOutcome(encoded(outcome))).toEqual(outcome);
    }),
  );
});

it('refuses an unknown kind, an unknown code and bytes that end early', () => {
  const contentHash = Buffer.alloc(32);
  const bytes = encoded({ kind: 'committed', seqno: seqno(1), contentHash, results: [1n] });
  expect(() => decodeOutcome(Buffer.from([3]))).toThrow('unknown kind 3');
  expect(() => decodeOutcome(Buffer.from([2, 99, 0]))).toThrow('unknown code');
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeOutcome(bytes.subarray(0, length)), `length ${length}`).toThrow(MalformedBytes);
  }
});

it('is that of its own content, and by resolution that of every content', () => {
  const [one, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const aborted: AbortedOutcome = {
    kind: 'aborted',
    code: 'TRANSACTION_ABORTED',
    conflict: undefined,
    contentHash: undefined,
  };
  const committed = { kind: 'committed', seqno: seqno(1), contentHash: one, results: [] } as const;
  expect([outcomeMatches(committed, one), outcomeMatches(committed, other)]).toEqual([true, false]);
  expect([outcomeMatches(aborted, one), outcomeMatches(aborted, other)]).toEqual([true, true]);
  expect(outcomeMatches({ ...aborted, contentHash: one }, other)).toBe(false);
});
