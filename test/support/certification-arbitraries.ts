import fc from 'fast-check';
import type { JudgedTransaction, Operation, OracleBounds, Scan } from './certification-oracle.js';

/** Few keys, so that they meet: prefixes of each other, on both sides of the surrogates, and bytes that are no text. */
const keyPool = [
  ...['', 'a', 'a\0', 'ab', 'b', 'c', 'd', 'é', '\u{e000}', '\u{fffd}', '\u{1f600}', '\u{1f601}'].map(
    (text) => Buffer.from(text, 'utf8'),
  ),
  Buffer.from([0xff]),
  Buffer.from([0xff, 0x00]),
];

const arbitraryKey: fc.Arbitrary<Uint8Array> = fc.constantFrom(...keyPool);

/** Also empty and reversed ones. */
const arbitraryScan: fc.Arbitrary<Scan> = fc.record({
  start: arbitraryKey,
  end: fc.option(arbitraryKey, { freq: 5, nil: undefined }),
});

const arbitraryOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), key: arbitraryKey }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), key: arbitraryKey }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), scan: arbitraryScan }) },
);

export const arbitraryBounds: fc.Arbitrary<OracleBounds> = fc.oneof(
  fc.constant({ transactionsMax: 1000, keysMax: 1000, deletedRangesMax: 1000 }),
  fc.record({
    transactionsMax: fc.integer({ min: 1, max: 10 }),
    keysMax: fc.integer({ min: 1, max: 20 }),
    deletedRangesMax: fc.integer({ min: 1, max: 4 }),
  }),
);

/** A transaction that comes to its place `lag` commits after its snapshot; -1: ahead of the order. */
export interface LaggingTransaction extends Omit<JudgedTransaction, 'snapshot'> {
  readonly lag: number;
}

export type CertificationStep =
  | { readonly kind: 'record'; readonly operations: readonly Operation[] }
  | { readonly kind: 'judge'; readonly transaction: LaggingTransaction };

const arbitraryTransaction: fc.Arbitrary<LaggingTransaction> = fc.record({
  isolation: fc.constantFrom('serializable' as const, 'snapshot' as const),
  lag: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 6 }) }, fc.integer({ min: -1, max: 30 })),
  operations: fc.array(arbitraryOperation, { maxLength: 2 }),
  reads: fc.array(arbitraryKey, { maxLength: 2 }),
  scans: fc.array(arbitraryScan, { maxLength: 3 }),
  checks: fc.array(arbitraryKey, { maxLength: 1 }),
});

export const arbitrarySteps: fc.Arbitrary<CertificationStep[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('record' as const),
      operations: fc.array(arbitraryOperation, { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant('judge' as const), transaction: arbitraryTransaction }),
  ),
  { maxLength: 40, size: 'max' },
);

/** What a transaction does: its reads at its snapshot come first, then its writes. */
export interface Script {
  readonly isolation: 'serializable' | 'snapshot';
  readonly lag: number;
  readonly reads: readonly Uint8Array[];
  readonly scans: readonly Scan[];
  readonly operations: readonly Operation[];
}

/** Scripts of an even mix; those that only read are not certified and not made. */
export const arbitraryScripts: fc.Arbitrary<Script[]> = fc.array(
  fc.record({
    isolation: fc.constantFrom('serializable' as const, 'serializable' as const, 'snapshot' as const),
    lag: fc.integer({ min: 0, max: 5 }),
    reads: fc.array(arbitraryKey, { maxLength: 2 }),
    scans: fc.array(arbitraryScan, { maxLength: 1 }),
    operations: fc.array(arbitraryOperation, { minLength: 1, maxLength: 3 }),
  }),
  { maxLength: 30, size: 'max' },
);
