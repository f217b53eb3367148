import { CertificationIndex } from '../src/certification/certification-index.js';
import type { CertificationRequest } from '../src/certification/request.js';
import { seqno } from '../src/model/ids.js';
import { keyFromText, type Key, type KeyRange } from '../src/model/keys.js';
import { limits } from '../src/model/limits.js';
import type { Effect } from '../src/model/write-set.js';

/**
 * What certification costs with a full window: `node --expose-gc --import tsx bench/certification.ts`. The range scan is
 * compared with its alternative, a scan of everything that was written after the snapshot.
 */
const bounds = {
  transactionsMax: limits.windowTransactionsMax,
  keysMax: limits.windowKeysMax,
  deletedRangesMax: limits.windowDeletedRangesMax,
};
const keysPerCommit = limits.windowKeysMax / limits.windowTransactionsMax;

let state = 1;
/** mulberry32: below `bound`, the same in every run. */
function draw(bound: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
}

const drawKey = (): Key => keyFromText(`user/${draw(1e9).toString().padStart(10, '0')}/profile`);
const prefixOf = (key: Key): KeyRange => ({
  start: key.slice(0, 12) as Key,
  end: `${key.slice(0, 12)}~` as Key,
});

function nanosecondsEach(rounds: number, once: (round: number) => void): number {
  const startedMs = performance.now();
  for (let round = 0; round < rounds; round++) once(round);
  return ((performance.now() - startedMs) * 1e6) / rounds;
}

function report(what: string, nanoseconds: number): void {
  const text =
    nanoseconds < 1e5 ? `${(nanoseconds / 1e3).toFixed(2)} µs` : `${(nanoseconds / 1e6).toFixed(2)} ms`;
  console.log(`${what.padEnd(72)} ${text.padStart(12)}`);
}

function request(parts: Partial<CertificationRequest>): CertificationRequest {
  return {
    isolation: 'serializable',
    snapshot: index.last,
    effects: [],
    readKeys: [],
    readRanges: [],
    checkKeys: [],
    ...parts,
  };
}

const heapBytes = (): number => {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
};

const before = heapBytes();
const index = new CertificationIndex(bounds, seqno(0));
const recent: Key[] = [];
const commitOf = (keys: readonly Key[]): Effect[] => keys.map((key) => ({ kind: 'plain', key }));
const recordNext = (): void => {
  const keys = Array.from({ length: keysPerCommit }, drawKey);
  recent.push(...keys);
  index.record(seqno(index.last + 1), commitOf(keys));
};
report(
  `record ${keysPerCommit} new keys (filling the window)`,
  nanosecondsEach(limits.windowTransactionsMax, recordNext),
);
recent.length = 0;
report(
  `record ${keysPerCommit} new keys and forget as many`,
  nanosecondsEach(limits.windowTransactionsMax, recordNext),
);
const hot = commitOf(Array.from({ length: keysPerCommit }, drawKey));
console.log(
  `bytes of heap per key, its text included: ${((heapBytes() - before) / limits.windowKeysMax).toFixed(0)} (a part is the benchmark's own list: 8)`,
);

const snapshotBack = (commits: number) => seqno(index.last - commits);
const point = Array.from({ length: 1000 }, () =>
  request({ readKeys: [drawKey()], effects: commitOf([drawKey()]) }),
);
report(
  'certify, 1 key read',
  nanosecondsEach(1e6, (round) => index.certify(point[round % 1000]!)),
);
const known = Array.from({ length: 1000 }, () => recent[draw(recent.length)]!);
const knownPoint = known.map((key) => request({ isolation: 'snapshot', effects: commitOf([key]) }));
report(
  'certify, 1 key written, in the window',
  nanosecondsEach(1e6, (round) => index.certify(knownPoint[round % 1000]!)),
);

for (const commits of [100, 1000, 10_000, 90_000]) {
  const ranges = Array.from({ length: 200 }, () => {
    const key = drawKey();
    return { start: key, end: `${key}~` as Key };
  });
  const requests = ranges.map((range) => request({ readRanges: [range], snapshot: snapshotBack(commits) }));
  report(
    `certify, 1 empty range, snapshot ${commits} commits back`,
    nanosecondsEach(20_000, (round) => index.certify(requests[round % 200]!)),
  );
  const since = recent.slice(-commits * keysPerCommit);
  const scan = ({ start, end }: KeyRange) => since.filter((key) => key >= start && key < end!).length;
  report(
    '  the same by a scan of what was written since',
    nanosecondsEach(commits > 1000 ? 20 : 200, (round) => scan(ranges[round % 200]!)),
  );
}

const all = request({
  readRanges: [
    { start: keyFromText('a'), end: keyFromText('user/') },
    { start: keyFromText('user0'), end: undefined },
  ],
});
report(
  'certify, ranges before and after all keys',
  nanosecondsEach(10_000, () => index.certify({ ...all, snapshot: snapshotBack(90_000) })),
);
index.record(seqno(index.last + 1), commitOf([keyFromText('zzz')]));
const wide = request({
  readRanges: [{ start: keyFromText('a'), end: keyFromText('z') }],
  snapshot: snapshotBack(1),
});
report(
  'certify, a range over all keys, none of them written since',
  nanosecondsEach(10_000, () => index.certify(wide)),
);
const wideOnes = { ...wide, readRanges: Array.from({ length: 1000 }, () => wide.readRanges[0]!) };
report(
  '  the same 1000 times in one request',
  nanosecondsEach(1000, () => index.certify(wideOnes)),
);
const thousand = request({
  readRanges: Array.from({ length: 1000 }, () => prefixOf(keyFromText(`none/${drawKey()}`))),
  snapshot: snapshotBack(90_000),
});
report(
  'certify, 1000 ranges',
  nanosecondsEach(100, () => index.certify(thousand)),
);

report(
  `record ${keysPerCommit} keys that are always the same`,
  nanosecondsEach(limits.windowTransactionsMax, () => index.record(seqno(index.last + 1), hot)),
);
const deletion = (): Effect[] => [{ kind: 'range', range: prefixOf(drawKey()) }];
for (let i = 0; i < limits.windowDeletedRangesMax; i++) index.record(seqno(index.last + 1), deletion());
report(
  'record a deleted range, with the most of them',
  nanosecondsEach(10_000, () => index.record(seqno(index.last + 1), deletion())),
);
report(
  'certify, 1 key read, among the most deleted ranges',
  nanosecondsEach(1e6, (round) => index.certify({ ...point[round % 1000]!, snapshot: index.last })),
);
