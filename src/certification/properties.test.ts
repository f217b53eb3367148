import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  abortsOnlyForReason,
  acceptsOnlySoundHistories,
  agreesWithTheOracle,
} from '../../test/support/certification-properties.js';
import { seqno } from '../model/ids.js';
import type { Key } from '../model/keys.js';
import { CertificationIndex } from './certification-index.js';

const make = (...args: ConstructorParameters<typeof CertificationIndex>) => new CertificationIndex(...args);

describe('the certifier', () => {
  it('gives the verdicts of an oracle that replays the complete history', () => {
    fc.assert(agreesWithTheOracle(make), { numRuns: 1000 });
  });

  it('aborts only for a key of the request, written after its snapshot by the winner it names', () => {
    fc.assert(abortsOnlyForReason(make), { numRuns: 1000 });
  });

  it('accepts only histories that a serial execution in their order explains', () => {
    fc.assert(acceptsOnlySoundHistories(make), { numRuns: 1000 });
  });

  it('finds the first written key of a range as a plain scan does, over thousands of keys that come and go', () => {
    const numbers = fc.array(fc.nat(0xffff_ffff), { minLength: 8000, maxLength: 8000, size: 'max' });
    const property = fc.property(numbers, (draws) => {
      const index = make({ transactionsMax: 3000, keysMax: 5000, deletedRangesMax: 1 }, seqno(0));
      const writes: Key[] = [];
      for (const draw of draws) {
        // Keys drift, so that whole regions of the order fill up and empty again.
        const key = (Math.floor(writes.length / 4) + (draw % 1500)).toString(36).padStart(4, '0') as Key;
        writes.push(key);
        index.record(seqno(writes.length), [{ kind: draw % 3 === 0 ? 'atomic' : 'plain', key }]);
        if (draw % 40 !== 0) continue;
        const after = Math.max(index.floor, index.last - (draw % 3100));
        const range = { start: key, end: `${key.slice(0, 3)}z` as Key };
        const expected = writes
          .slice(after)
          .filter((written) => written >= range.start && written < range.end)
          .reduce<Key | undefined>(
            (least, each) => (least === undefined || each < least ? each : least),
            undefined,
          );
        expect(index.firstWrittenAfter(range, seqno(after))).toBe(expected);
      }
    });
    fc.assert(property, { numRuns: 3, endOnFailure: true });
  });
});
