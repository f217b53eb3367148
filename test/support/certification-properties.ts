import fc from 'fast-check';
import { expect } from 'vitest';
import type { CertificationIndex, WindowBounds } from '../../src/certification/certification-index.js';
import type { CertificationRequest, Verdict } from '../../src/certification/request.js';
import { seqno, type Seqno } from '../../src/model/ids.js';
import { keyFromBytes, keyToBytes, type Key, type KeyRange } from '../../src/model/keys.js';
import type { Conflict } from '../../src/model/outcome.js';
import type { Effect } from '../../src/model/write-set.js';
import {
  arbitraryBounds,
  arbitraryScripts,
  arbitrarySteps,
  type LaggingTransaction,
  type Script,
} from './certification-arbitraries.js';
import {
  CertificationOracle,
  contains,
  touches,
  type Judgement,
  type JudgedTransaction,
  type Loss,
  type Operation,
  type Scan,
} from './certification-oracle.js';
import { CertifiedHistory, readsKey } from './certified-history.js';

export type Certifier = Pick<CertificationIndex, 'floor' | 'last' | 'record' | 'certify' | 'firstConflict'>;
export type MakeCertifier = (bounds: WindowBounds, floor: Seqno) => Certifier;

const roomy: WindowBounds = { transactionsMax: 1000, keysMax: 1000, deletedRangesMax: 1000 };

/** Every verdict, with key, winner and floor, is the oracle's; early judgement finds a conflict or none, the oracle's above the floor. */
export function agreesWithTheOracle(make: MakeCertifier) {
  return fc.property(arbitraryBounds, arbitrarySteps, (bounds, steps) => {
    const oracle = new CertificationOracle();
    const certifier = make(bounds, seqno(0));
    for (const step of steps) {
      if (step.kind === 'record') {
        oracle.history.push(step.operations);
        certifier.record(seqno(oracle.tail), step.operations.map(effectOf));
        expect([certifier.floor, certifier.last]).toEqual([oracle.floor(bounds), oracle.tail]);
        continue;
      }
      const transaction = judgedAt(oracle.tail, step.transaction);
      const request = requestOf(transaction);
      const verdict = certifier.certify(request);
      expect(judgementOf(verdict)).toEqual(oracle.judge(transaction, bounds));
      const early = certifier.firstConflict(request);
      if (early !== undefined && transaction.snapshot! >= certifier.floor) {
        expect(oracle.losses(transaction)).toContainEqual(lossOf(early));
      } else if (early !== undefined) {
        // A later write of the key may be forgotten with the window: the one that is named won all the same.
        expect(isLoss(transaction, lossOf(early), oracle.history)).toBe(true);
      } else {
        expect(verdict.kind).not.toBe('conflict');
      }
    }
  });
}

/** A conflict names a key that the request depends on, and a commit after its snapshot that wrote it. */
export function abortsOnlyForReason(make: MakeCertifier) {
  return fc.property(arbitrarySteps, (steps) => {
    const history: (readonly Operation[])[] = [];
    const certifier = make(roomy, seqno(0));
    for (const step of steps) {
      if (step.kind === 'record') {
        history.push(step.operations);
        certifier.record(seqno(history.length), step.operations.map(effectOf));
        continue;
      }
      const transaction = judgedAt(history.length, step.transaction);
      const verdict = certifier.certify(requestOf(transaction));
      if (verdict.kind !== 'conflict') continue;
      expect(isLoss(transaction, lossOf(verdict.conflict), history)).toBe(true);
    }
  });
}

/**
 * What the certifier accepts, executed serially in the order, reads there what it read at its snapshot (serializable),
 * overwrites nothing that it has not seen (snapshot isolation), and never adds to a value that is no counter.
 */
export function acceptsOnlySoundHistories(make: MakeCertifier) {
  return fc.property(arbitraryBounds, arbitraryScripts, (bounds, scripts) => {
    const history = new CertifiedHistory();
    const certifier = make(bounds, seqno(0));
    for (const script of scripts) {
      const snapshot = Math.max(0, history.tail - script.lag);
      if (history.addsToText(snapshot, script)) continue;
      const effects = script.operations.map((operation) => effectInScript(script, operation));
      const transaction = { ...script, snapshot, checks: [] };
      if (certifier.certify({ ...requestOf(transaction), effects }).kind !== 'commit') continue;
      expect(history.commit(script, snapshot), 'adds to a counter, or to nothing').toBe(true);
      certifier.record(seqno(history.tail), effects);
    }
    expect(history.changedReads()).toEqual([]);
    expect(history.lostUpdates()).toEqual([]);
  });
}

function effectInScript(script: Script, operation: Operation): Effect {
  if (operation.kind === 'add' && readsKey(script, operation.key)) {
    return { kind: 'plain', key: keyFromBytes(operation.key) };
  }
  return effectOf(operation);
}

function judgedAt(tail: number, { lag, ...transaction }: LaggingTransaction): JudgedTransaction {
  return { ...transaction, snapshot: Math.max(0, tail - lag) };
}

function requestOf(transaction: Omit<JudgedTransaction, 'snapshot'> & { snapshot: number | undefined }) {
  return {
    isolation: transaction.isolation,
    snapshot: transaction.snapshot === undefined ? undefined : seqno(transaction.snapshot),
    effects: transaction.operations.map(effectOf),
    readKeys: transaction.reads.map(keyFromBytes),
    readRanges: transaction.scans.map(rangeOf),
    checkKeys: transaction.checks.map(keyFromBytes),
  } satisfies CertificationRequest;
}

function effectOf(operation: Operation): Effect {
  switch (operation.kind) {
    case 'put':
      return { kind: 'plain', key: keyFromBytes(operation.key) };
    case 'add':
      return { kind: 'atomic', key: keyFromBytes(operation.key) };
    case 'clear':
      return { kind: 'range', range: rangeOf(operation.scan) };
  }
}

function rangeOf(scan: Scan): KeyRange {
  const end: Key | undefined = scan.end === undefined ? undefined : keyFromBytes(scan.end);
  return { start: keyFromBytes(scan.start), end };
}

function judgementOf(verdict: Verdict): Judgement {
  return verdict.kind === 'conflict' ? { kind: 'conflict', loss: lossOf(verdict.conflict) } : verdict;
}

function lossOf({ key, winner }: Conflict): Loss {
  return { key: keyToBytes(key), winner };
}

/** Whether the winner, after the snapshot, did something to the key that the transaction must not have missed. */
function isLoss(
  transaction: JudgedTransaction,
  { key, winner: at }: Loss,
  history: readonly (readonly Operation[])[],
): boolean {
  const winner = history[at - 1];
  if (winner === undefined || at <= transaction.snapshot!) return false;
  const isKey = (other: Uint8Array) => Buffer.compare(other, key) === 0;
  const written = winner.filter((operation) => touches(operation, key));
  const writtenPlainly = written.filter(({ kind }) => kind !== 'add');
  const own = transaction.operations.filter((operation) => touches(operation, key));
  const serializable = transaction.isolation === 'serializable';
  const read = transaction.reads.some(isKey) || transaction.scans.some((scan) => contains(scan, key));
  const overwrites = own.some(({ kind }) => kind !== 'add');
  const adds = own.some(({ kind }) => kind === 'add');
  const dependsOnAny = transaction.checks.some(isKey) || (serializable ? read : overwrites);
  return (dependsOnAny && written.length > 0) || (adds && writtenPlainly.length > 0);
}
