import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  abortsOnlyForReason,
  acceptsOnlySoundHistories,
  agreesWithTheOracle,
  type MakeCertifier,
} from '../../test/support/certification-properties.js';
import { seqno, type Seqno } from '../model/ids.js';
import { keyAfter, keyFromText, keyToText, rangeContains, type Key, type KeyRange } from '../model/keys.js';
import type { Effect } from '../model/write-set.js';
import { CertificationIndex } from './certification-index.js';
import type { CertificationRequest } from './request.js';

/*
 * The properties prove themselves: certifiers that are broken on purpose must be caught (FoundationDB's ResolverBug.h).
 * `unsound`: accepts what it must not, which the serial execution sees; `spurious`: aborts without reason, which the
 * check of reasons sees. The comparison with the oracle must see every one.
 */
type Fault = 'unsound' | 'spurious' | 'only the oracle tells';

/** Asks or records something else than it is told. */
abstract class Misled extends CertificationIndex {
  protected ask(request: CertificationRequest): CertificationRequest {
    return request;
  }

  protected note(effects: readonly Effect[]): readonly Effect[] {
    return effects;
  }

  override certify(request: CertificationRequest) {
    return super.certify(this.ask(request));
  }

  override firstConflict(request: CertificationRequest) {
    return super.firstConflict(this.ask(request));
  }

  override record(at: Seqno, effects: readonly Effect[]) {
    super.record(at, this.note(effects));
  }
}

class SkipsReadKeys extends Misled {
  protected override ask = (request: CertificationRequest) => ({ ...request, readKeys: [] });
}

class SkipsReadRanges extends Misled {
  protected override ask = (request: CertificationRequest) => ({ ...request, readRanges: [] });
}

class SkipsChecks extends Misled {
  protected override ask = (request: CertificationRequest) => ({ ...request, checkKeys: [] });
}

class CertifiesReadsUnderSnapshot extends Misled {
  protected override ask = (request: CertificationRequest) => ({
    ...request,
    checkKeys: [...request.checkKeys, ...request.readKeys],
  });
}

class TakesThePositionAtCommit extends Misled {
  protected override ask = (request: CertificationRequest) =>
    request.isolation === 'snapshot' && request.snapshot !== undefined && request.snapshot < this.last
      ? { ...request, snapshot: this.last }
      : request;
}

class IsOffByOne extends Misled {
  protected override ask = (request: CertificationRequest) =>
    request.snapshot !== undefined && request.snapshot < this.last
      ? { ...request, snapshot: seqno(request.snapshot + 1) }
      : request;
}

class ReadsTheEndOfRanges extends Misled {
  protected override ask = (request: CertificationRequest) => ({
    ...request,
    readRanges: request.readRanges.map(({ start, end }) => ({
      start,
      end: end === undefined ? undefined : keyAfter(end),
    })),
  });
}

class IgnoresAtomicWrites extends Misled {
  protected override note = (effects: readonly Effect[]) => effects.filter(({ kind }) => kind !== 'atomic');
}

class RecordsAtomicAsPlain extends Misled {
  protected override note = (effects: readonly Effect[]) =>
    effects.map((effect) => (effect.kind === 'atomic' ? ({ ...effect, kind: 'plain' } as const) : effect));
}

class LetsAtomicMutationsPass extends Misled {
  protected override ask = (request: CertificationRequest) => ({
    ...request,
    effects: request.effects.map((effect) =>
      effect.kind === 'atomic'
        ? { kind: 'range' as const, range: { start: effect.key, end: effect.key } }
        : effect,
    ),
  });
}

class ForgetsDeletedRanges extends Misled {
  protected override note = (effects: readonly Effect[]) => effects.filter(({ kind }) => kind !== 'range');
}

class DeletesOnlyWhatItKnows extends Misled {
  private readonly known = new Set<Key>();

  protected override note = (effects: readonly Effect[]) =>
    effects.flatMap((effect): Effect[] => {
      if (effect.kind !== 'range') {
        this.known.add(effect.key);
        return [effect];
      }
      const covered = [...this.known].filter((key) => rangeContains(effect.range, key));
      return covered.map((key) => ({ kind: 'plain', key }));
    });
}

class GuessesBelowTheFloor extends CertificationIndex {
  override certify(request: CertificationRequest) {
    const verdict = super.certify(request);
    return verdict.kind === 'snapshot-too-old' ? ({ kind: 'commit' } as const) : verdict;
  }
}

class NamesTheWinnerOfAnotherKey extends CertificationIndex {
  override certify(request: CertificationRequest) {
    const verdict = super.certify(request);
    if (verdict.kind !== 'conflict') return verdict;
    return { ...verdict, conflict: { ...verdict.conflict, winner: this.last } };
  }
}

/** Keys are ordered as JavaScript orders strings: by UTF-16 units. Bytes that are no text stay last. */
class ComparesUtf16 extends Misled {
  private readonly originals = new Map<Key, Key>();

  private reordered = (key: Key): Key => {
    const text = keyToText(key);
    const units = text === undefined ? undefined : Buffer.from(text, 'utf16le').swap16().toString('latin1');
    const other = (units ?? `\xff\xff${key}`) as Key;
    this.originals.set(other, key);
    return other;
  };

  private range = ({ start, end }: KeyRange): KeyRange => ({
    start: this.reordered(start),
    end: end === undefined ? undefined : this.reordered(end),
  });

  protected override note = (effects: readonly Effect[]) =>
    effects.map((effect) =>
      effect.kind === 'range'
        ? { ...effect, range: this.range(effect.range) }
        : { ...effect, key: this.reordered(effect.key) },
    );

  protected override ask = (request: CertificationRequest) => ({
    ...request,
    effects: this.note(request.effects),
    readKeys: request.readKeys.map(this.reordered),
    readRanges: request.readRanges.map(this.range),
    checkKeys: request.checkKeys.map(this.reordered),
  });

  override certify(request: CertificationRequest) {
    const verdict = super.certify(request);
    if (verdict.kind !== 'conflict') return verdict;
    const { key, winner } = verdict.conflict;
    return { kind: 'conflict' as const, conflict: { key: this.originals.get(key)!, winner } };
  }

  override firstConflict(request: CertificationRequest) {
    const conflict = super.firstConflict(request);
    return conflict && { ...conflict, key: this.originals.get(conflict.key)! };
  }
}

const broken: [
  new (...args: ConstructorParameters<typeof CertificationIndex>) => CertificationIndex,
  Fault,
][] = [
  [SkipsReadKeys, 'unsound'],
  [SkipsReadRanges, 'unsound'],
  [SkipsChecks, 'only the oracle tells'],
  [CertifiesReadsUnderSnapshot, 'spurious'],
  [TakesThePositionAtCommit, 'unsound'],
  [IsOffByOne, 'unsound'],
  [ReadsTheEndOfRanges, 'spurious'],
  [IgnoresAtomicWrites, 'unsound'],
  [RecordsAtomicAsPlain, 'spurious'],
  [LetsAtomicMutationsPass, 'unsound'],
  [ForgetsDeletedRanges, 'unsound'],
  [DeletesOnlyWhatItKnows, 'only the oracle tells'],
  [GuessesBelowTheFloor, 'unsound'],
  [NamesTheWinnerOfAnotherKey, 'spurious'],
  [ComparesUtf16, 'unsound'],
];

/** Stops at the first counterexample: that there is one is what counts here. */
const settings = { seed: 20261121, numRuns: 1000, endOnFailure: true };
const catches = (property: (make: MakeCertifier) => Parameters<typeof fc.check>[0], make: MakeCertifier) => {
  const result = fc.check(property(make), settings);
  if (result instanceof Promise) throw new Error('the properties are synchronous');
  return result.failed;
};

describe('certifiers that are broken on purpose', () => {
  it.each(broken.map(([Broken, fault]) => ({ Broken, name: Broken.name, fault })))(
    '$name is caught ($fault)',
    ({ Broken, fault }) => {
      const make: MakeCertifier = (bounds, floor) => new Broken(bounds, floor);
      expect(catches(agreesWithTheOracle, make)).toBe(true);
      if (fault === 'unsound') expect(catches(acceptsOnlySoundHistories, make)).toBe(true);
      if (fault === 'spurious') expect(catches(abortsOnlyForReason, make)).toBe(true);
    },
  );

  it('are distinguished from one that only passes on what it is told', () => {
    class Faithful extends Misled {}
    const make: MakeCertifier = (bounds, floor) => new Faithful(bounds, floor);
    const properties = [agreesWithTheOracle, abortsOnlyForReason, acceptsOnlySoundHistories];
    expect(properties.map((property) => catches(property, make))).toEqual([false, false, false]);
  });

  it('mislead by the order of strings only where keys are above U+FFFF', () => {
    const [high, replacement] = [keyFromText('\u{1f600}'), keyFromText('\u{fffd}')];
    expect(high > replacement).toBe(true);
    expect('\u{1f600}' > '\u{fffd}').toBe(false);
  });
});
