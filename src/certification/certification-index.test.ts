import { describe, expect, it } from 'vitest';
import { seqno } from '../model/ids.js';
import { keyFromText, prefixRange } from '../model/keys.js';
import { CertificationIndex } from './certification-index.js';
import { needsSnapshot, type CertificationRequest } from './request.js';

const key = keyFromText;
const plain = (text: string) => ({ kind: 'plain', key: key(text) }) as const;
const atomic = (text: string) => ({ kind: 'atomic', key: key(text) }) as const;
const deletedRange = (prefix: string) => ({ kind: 'range', range: prefixRange(key(prefix)) }) as const;
const roomy = { transactionsMax: 100, keysMax: 1000, deletedRangesMax: 100 };

const blind: CertificationRequest = {
  isolation: 'serializable',
  snapshot: undefined,
  effects: [plain('a')],
  readKeys: [],
  readRanges: [],
  checkKeys: [],
};

function indexOf(bounds: Partial<typeof roomy>, floor = 0): CertificationIndex {
  return new CertificationIndex({ ...roomy, ...bounds }, seqno(floor));
}

describe('CertificationIndex', () => {
  it('takes commits only in the dense order', () => {
    const index = indexOf({}, 7);
    expect(() => index.record(seqno(7), [])).toThrow('does not follow 7');
    expect(() => index.record(seqno(9), [])).toThrow('does not follow 7');
    index.record(seqno(8), []);
    expect([index.floor, index.last]).toEqual([7, 8]);
  });

  it('throws on a request that needs a snapshot and has none', () => {
    const index = indexOf({});
    const request = { ...blind, readKeys: [key('a')] };
    expect(() => index.certify(request)).toThrow('carries one');
    expect(() => index.firstConflict(request)).toThrow('carries one');
  });

  it('refuses bounds that would hold nothing', () => {
    expect(() => indexOf({ keysMax: 0 })).toThrow('at least 1');
  });

  it('keeps exactly transactionsMax commits', () => {
    const index = indexOf({ transactionsMax: 3 });
    for (let at = 1; at <= 3; at++) index.record(seqno(at), [plain(`k${at}`)]);
    expect(index.floor).toBe(0);
    index.record(seqno(4), [plain('k4')]);
    expect(index.floor).toBe(1);
  });

  it('keeps exactly keysMax keys, counted once per commit that wrote them', () => {
    const index = indexOf({ keysMax: 4 });
    index.record(seqno(1), [plain('a'), plain('b')]);
    index.record(seqno(2), [plain('a'), atomic('a')]);
    expect(index.floor).toBe(0);
    index.record(seqno(3), [plain('c')]);
    expect(index.floor).toBe(1);
  });

  it('keeps exactly deletedRangesMax deleted ranges', () => {
    const index = indexOf({ deletedRangesMax: 2 });
    index.record(seqno(1), [deletedRange('a')]);
    index.record(seqno(2), [plain('x')]);
    index.record(seqno(3), [deletedRange('b')]);
    expect(index.floor).toBe(0);
    index.record(seqno(4), [deletedRange('c')]);
    expect(index.floor).toBe(1);
  });

  it('covers nothing after a commit that alone exceeds a bound', () => {
    const index = indexOf({ keysMax: 2 });
    index.record(seqno(1), [plain('a'), plain('b'), plain('c')]);
    expect(index.floor).toBe(1);
    const reads = { ...blind, readKeys: [key('a')] };
    expect(index.certify({ ...reads, snapshot: seqno(0) })).toEqual({ kind: 'snapshot-too-old', oldest: 1 });
    expect(index.certify({ ...reads, snapshot: seqno(1) })).toEqual({ kind: 'commit' });
  });

  it('keeps a key as long as any commit of the window wrote it', () => {
    const index = indexOf({ transactionsMax: 2 });
    index.record(seqno(1), [plain('a')]);
    index.record(seqno(2), [plain('a')]);
    index.record(seqno(3), [plain('b')]);
    expect(index.floor).toBe(1);
    expect(index.certify({ ...blind, snapshot: seqno(1), readKeys: [key('a')] })).toEqual({
      kind: 'conflict',
      conflict: { key: 'a', winner: 2 },
    });
  });

  it('goes on over many times its window, also far above seqno 2^31', () => {
    const first = 2 ** 40;
    const index = indexOf({ transactionsMax: 10 }, first);
    for (let at = first + 1; at <= first + 1000; at++) index.record(seqno(at), [plain(`k${at % 7}`)]);
    expect(index.floor).toBe(first + 990);
    const certify = (snapshot: number, text: string) =>
      index.certify({ ...blind, snapshot: seqno(snapshot), readKeys: [key(text)] }).kind;
    for (let at = first + 994; at <= first + 1000; at++) {
      expect([certify(at - 1, `k${at % 7}`), certify(at, `k${at % 7}`)]).toEqual(['conflict', 'commit']);
    }
  });
});

describe('needsSnapshot', () => {
  it('is false only for blind plain writes under serializable', () => {
    expect(needsSnapshot(blind)).toBe(false);
    expect(needsSnapshot({ ...blind, isolation: 'snapshot' })).toBe(true);
    expect(needsSnapshot({ ...blind, readKeys: [key('a')] })).toBe(true);
    expect(needsSnapshot({ ...blind, readRanges: [prefixRange(key(''))] })).toBe(true);
    expect(needsSnapshot({ ...blind, checkKeys: [key('a')] })).toBe(true);
    expect(needsSnapshot({ ...blind, effects: [atomic('a')] })).toBe(true);
    expect(needsSnapshot({ ...blind, effects: [plain('a'), deletedRange('b')] })).toBe(true);
  });
});
