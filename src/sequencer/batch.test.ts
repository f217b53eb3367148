import { describe, expect, it } from 'vitest';
import { set } from '../../test/support/chain.js';
import { certify, idAt, resolution, SequencedLog, type Asked } from '../../test/support/sequenced.js';
import { entryOverheadBytes, itemOverheadBytes } from '../model/entry.js';
import type { TransactionId } from '../model/ids.js';
import { limits } from '../model/limits.js';

const nowMs = Date.UTC(2026, 0, 1);
const log = (): SequencedLog => new SequencedLog(nowMs);
const id = (n: number): TransactionId => idAt(nowMs, n);

/** Reads `key` at a snapshot below its last write: loses, at any place in the order. */
const losing: Asked = { snapshot: 0, reads: ['key'], mutations: [set('other')] };
const conflict = { kind: 'aborted', code: 'CERTIFICATION_CONFLICT', conflict: { key: 'key', winner: 1 } };
const reused = { kind: 'refused', code: 'TRANSACTION_ID_REUSED' };

function logWithWinner(): SequencedLog {
  const sequenced = log();
  sequenced.batch(certify(id(1)));
  return sequenced;
}

describe('seqnos', () => {
  it('are dense, and an abort takes none', () => {
    const { answers, entry } = log().batch(
      certify(id(1)),
      certify(id(2), losing),
      certify(id(3)),
      resolution(id(4)),
      certify(id(5)),
    );
    expect(answers.map((a) => (a.kind === 'committed' ? a.seqno : a.kind))).toEqual([
      1,
      'aborted',
      2,
      'aborted',
      3,
    ]);
    expect(entry).toMatchObject({ firstSeqno: 1, count: 3 });
  });

  it('go on where the batch before ended, also where that only had tombstones', () => {
    const sequenced = logWithWinner();
    expect(sequenced.batch(resolution(id(2))).entry).toMatchObject({ firstSeqno: 2, count: 0 });
    expect(sequenced.batch(certify(id(3))).answers).toMatchObject([{ kind: 'committed', seqno: 2 }]);
  });

  it('nothing is logged, and the tip stays, when nothing is to be kept', () => {
    const sequenced = logWithWinner();
    const { tip } = sequenced;
    expect(sequenced.batch(certify(id(2), losing)).entry).toBeUndefined();
    expect(sequenced.tip).toBe(tip);
  });
});

describe('duplicates', () => {
  it('in one batch join the first, and the log has the transaction once', () => {
    const { answers, entry } = log().batch(certify(id(1)), certify(id(1), { retry: true }), certify(id(1)));
    expect(answers).toMatchObject([{ seqno: 1 }, { seqno: 1 }, { seqno: 1 }]);
    expect(entry).toMatchObject({ count: 1 });
  });

  it('of a committed id are answered by its outcome, before any other check', () => {
    const sequenced = logWithWinner();
    const again = certify(id(1), { ...losing, snapshot: 99, retry: true });
    expect(sequenced.batch(again).answers).toEqual([{ kind: 'committed', seqno: 1, fresh: false }]);
    sequenced.nowMs = nowMs + 2 * limits.outcomesMsMax;
    expect(sequenced.batch(certify(id(1), { retry: true })).answers).toMatchObject([{ kind: 'committed' }]);
  });

  it('with another content are refused as reused, with the seqno of the commit, in the batch and after it', () => {
    const sequenced = log();
    const other = certify(id(1), { content: 'another' });
    expect(sequenced.batch(certify(id(1)), other).answers[1]).toMatchObject({ ...reused, seqno: 1 });
    expect(sequenced.batch(other).answers).toMatchObject([{ ...reused, seqno: 1 }]);
  });

  it('with another content than a tombstone of an attempt are refused as reused, without a seqno', () => {
    const sequenced = logWithWinner();
    sequenced.batch(certify(id(2), { ...losing, retry: true }));
    const other = certify(id(2), { content: 'another' });
    expect(sequenced.batch(other).answers).toMatchObject([{ ...reused, seqno: undefined }]);
  });
});

describe('tombstones', () => {
  it('a first attempt that is aborted leaves none', () => {
    const { answers, entry } = logWithWinner().batch(certify(id(2), losing));
    expect(answers).toMatchObject([{ ...conflict, tombstone: false }]);
    expect(entry).toBeUndefined();
  });

  it('a retry that is aborted leaves one, with code, conflict and content hash', () => {
    const sequenced = logWithWinner();
    const retry = certify(id(2), { ...losing, retry: true });
    expect(sequenced.batch(retry).answers).toMatchObject([{ ...conflict, tombstone: true }]);
    const { contentHash } = retry.header;
    expect(sequenced.outcomes.get(id(2))).toEqual({ ...conflict, contentHash });
    // From now on every snapshot is answered so.
    const newer = certify(id(2), { ...losing, snapshot: 1, retry: true });
    expect(sequenced.batch(newer).answers).toMatchObject([{ ...conflict, tombstone: true }]);
  });

  it('a first attempt that a retry joins in the batch rests on the tombstone too', () => {
    const { answers, entry } = logWithWinner().batch(
      certify(id(2), losing),
      certify(id(2), { ...losing, retry: true }),
    );
    expect(answers).toMatchObject([
      { ...conflict, tombstone: true },
      { ...conflict, tombstone: true },
    ]);
    expect(entry?.content).toMatchObject({ items: [{ kind: 'tombstone', id: id(2) }] });
  });

  it('a resolution that joins an aborted first attempt gives it its tombstone', () => {
    const { answers } = logWithWinner().batch(certify(id(2), losing), resolution(id(2)));
    expect(answers).toMatchObject([
      { ...conflict, tombstone: true },
      { ...conflict, tombstone: true },
    ]);
  });

  it('one by resolution answers every content, in the batch and after it', () => {
    const sequenced = log();
    const rolledBack = { kind: 'aborted', code: 'TRANSACTION_ABORTED', tombstone: true };
    const contents = ['one', 'another'].map((content) => certify(id(1), { content }));
    expect(sequenced.batch(resolution(id(1)), contents[0]!).answers).toMatchObject([rolledBack, rolledBack]);
    expect(sequenced.batch(...contents).answers).toMatchObject([rolledBack, rolledBack]);
    expect(sequenced.tip.seqno).toBe(0);
  });

  it('a resolution of a committed id answers that it committed', () => {
    const sequenced = logWithWinner();
    expect(sequenced.batch(resolution(id(1))).answers).toMatchObject([{ kind: 'committed', seqno: 1 }]);
    expect(sequenced.batch(certify(id(2)), resolution(id(2))).answers).toMatchObject([
      { kind: 'committed', seqno: 2 },
      { kind: 'committed', seqno: 2 },
    ]);
  });
});

describe('time', () => {
  it('log time is the clock, and never goes back', () => {
    const sequenced = log();
    expect(sequenced.batch(certify(id(1))).entry).toMatchObject({ logTimeMs: nowMs });
    sequenced.nowMs = nowMs - 5000;
    expect(sequenced.batch(certify(id(2))).entry).toMatchObject({ logTimeMs: nowMs });
  });

  it('an id is refused from a millisecond more than a minute ahead of log time', () => {
    const at = nowMs + limits.idAheadMsMax;
    const { answers } = log().batch(certify(idAt(at)), certify(idAt(at + 1)), resolution(idAt(at + 1, 2)));
    expect(answers).toMatchObject([
      { kind: 'committed' },
      { kind: 'refused', code: 'INVALID_ARGUMENT' },
      { kind: 'refused', code: 'INVALID_ARGUMENT' },
    ]);
  });

  it('an id below the floor is refused, never judged; the one at the floor is taken', () => {
    const floorMs = nowMs - limits.outcomesMsMax;
    const { answers, entry } = log().batch(
      certify(idAt(floorMs - 1), { retry: true }),
      resolution(idAt(floorMs - 1, 2)),
      certify(idAt(floorMs)),
    );
    expect(answers).toMatchObject([
      { kind: 'refused', code: 'TRANSACTION_ID_TOO_OLD' },
      { kind: 'refused', code: 'TRANSACTION_ID_TOO_OLD' },
      { kind: 'committed' },
    ]);
    expect(entry?.content).toMatchObject({ idFloorMs: floorMs });
  });

  it('the floor is recorded in every entry and never falls', () => {
    const sequenced = log();
    const floors = [nowMs, nowMs + 1000, nowMs - 60_000].map((at, n) => {
      sequenced.nowMs = at;
      const { content } = sequenced.batch(certify(id(n))).entry!;
      return content.kind === 'batch' ? content.idFloorMs : undefined;
    });
    const first = nowMs - limits.outcomesMsMax;
    expect(floors).toEqual([first, first + 1000, first + 1000]);
  });
});

describe('where no outcome may be added', () => {
  it('what is new is refused as overload, with the bound; known ids are answered, and too old ones too old', () => {
    const sequenced = logWithWinner();
    sequenced.full = 'above their bound of 7 bytes';
    const { answers, entry } = sequenced.batch(
      certify(id(1), { retry: true }),
      certify(id(2)),
      resolution(id(3)),
      certify(idAt(nowMs - limits.outcomesMsMax - 1)),
    );
    const refused = { kind: 'refused', code: 'OVERLOADED', detail: 'above their bound of 7 bytes' };
    const tooOld = { kind: 'refused', code: 'TRANSACTION_ID_TOO_OLD' };
    expect(answers).toMatchObject([{ kind: 'committed', fresh: false }, refused, refused, tooOld]);
    expect(entry).toBeUndefined();
  });
});

describe('the snapshot', () => {
  it('ahead of the log is of another history; the id stays free', () => {
    const sequenced = log();
    const ahead = certify(id(1), { snapshot: 7, reads: ['key'] });
    expect(sequenced.batch(ahead).answers).toMatchObject([{ kind: 'refused', code: 'HISTORY_MISMATCH' }]);
    expect(sequenced.batch(certify(id(1))).answers).toMatchObject([{ kind: 'committed' }]);
  });

  it('below the window is too old, told with the oldest that can be judged; blind writes need none', () => {
    const sequenced = new SequencedLog(nowMs, { transactionsMax: 2, keysMax: 100, deletedRangesMax: 1 });
    for (const n of [1, 2, 3]) sequenced.batch(certify(id(n), { mutations: [set(`k${n}`)] }));
    const old = certify(id(4), { snapshot: 0, reads: ['elsewhere'] });
    expect(sequenced.batch(old).answers).toMatchObject([
      { code: 'SNAPSHOT_TOO_OLD', detail: '1', tombstone: false },
    ]);
    expect(sequenced.batch(certify(id(5))).answers).toMatchObject([{ kind: 'committed' }]);
  });
});

describe('the bytes of an entry', () => {
  /** A transaction whose write set has exactly this many bytes. */
  function ofSize(n: number, bytes: number) {
    const empty = certify(id(n), { mutations: [set('key', '')] }).writeSet.length;
    for (let value = bytes - empty; ; value--) {
      const request = certify(id(n), { mutations: [set('key', 'x'.repeat(value))] });
      if (request.writeSet.length <= bytes) {
        expect(request.writeSet.length).toBe(bytes);
        return request;
      }
    }
  }
  const room = limits.entryBytesMax - entryOverheadBytes - itemOverheadBytes;

  it('always take one largest transaction', () => {
    const { answers, bytes } = log().batch(ofSize(1, limits.transactionBytesMax));
    expect(answers).toMatchObject([{ kind: 'committed' }]);
    expect(bytes!.length).toBeLessThanOrEqual(limits.entryBytesMax);
  });

  it('are filled up to the limit, and what is a byte above it waits for the next entry', () => {
    const first = ofSize(1, limits.transactionBytesMax);
    const rest = room - itemOverheadBytes - first.writeSet.length;
    const fits = log().batch(first, ofSize(2, rest));
    expect(fits.answers).toHaveLength(2);
    expect(fits.bytes!.length).toBeLessThanOrEqual(limits.entryBytesMax);
    const sequenced = log();
    const [one, above] = [ofSize(1, limits.transactionBytesMax), ofSize(2, rest + 1)];
    expect(sequenced.batch(one, above).answers).toHaveLength(1);
    expect(sequenced.batch(above).answers).toMatchObject([{ kind: 'committed', seqno: 2 }]);
  });

  it('hold as many tombstones as fit, with the longest keys, and none is lost', () => {
    const sequenced = log();
    const long = 'k'.repeat(limits.keyBytesMax);
    sequenced.batch(certify(id(0), { mutations: [set(long)] }));
    const waiting = Array.from({ length: 1200 }, (_, n) =>
      certify(id(n + 1), { snapshot: 0, reads: [long], retry: true }),
    );
    let entries = 0;
    for (let taken = 0; taken < waiting.length; entries++) {
      const { answers, bytes } = sequenced.batch(...waiting.slice(taken));
      expect(bytes!.length).toBeLessThanOrEqual(limits.entryBytesMax);
      taken += answers.length;
    }
    expect(entries).toBeGreaterThan(1);
    expect(sequenced.outcomes.size).toBe(1 + waiting.length);
  });
});
