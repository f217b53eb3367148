import { keyFromText, prefixRange, type Key, type KeyRange } from '../../../src/model/keys.js';
import type { Isolation } from '../../../src/model/write-set.js';
import type { Check, MutationRequest, ReadRequest } from '../../../src/transaction/service.js';
import type { SeededRandom } from '../world/seeded-random.js';

export const accounts: readonly Key[] = ['a', 'b', 'c', 'd', 'e'].map((name) =>
  keyFromText(`account/${name}`),
);
export const fundsEach = 100;
export const counters: readonly Key[] = ['x', 'y'].map((name) => keyFromText(`counter/${name}`));
/** Keys on both sides of U+FFFF: their order as bytes is not that of JavaScript's strings. */
const registers: readonly Key[] = ['1', '2', '3', '4', '5', '\uff21', '\uffee', '\u{1f600}'].map((name) =>
  keyFromText(`register/${name}`),
);
/** Now a counter, now bytes. */
const mixed: readonly Key[] = ['p', 'q'].map((name) => keyFromText(`mixed/${name}`));
export const anyKey: readonly Key[] = [...registers, ...registers, ...mixed, ...counters];

/** Now and then a value that fills a stream for a while. */
const largeBytes = 40_000;

export function pickIsolation(random: SeededRandom): Isolation {
  return random.chance(0.7) ? 'serializable' : 'snapshot';
}

export function pickRange(random: SeededRandom): KeyRange {
  if (random.chance(0.4)) return prefixRange(keyFromText('register/'));
  const [a, b] = [random.pick(registers), random.pick(registers)];
  if (a === b) return { start: a, end: undefined };
  return a < b ? { start: a, end: b } : { start: b, end: a };
}

export function pickRead(random: SeededRandom): ReadRequest {
  if (random.chance(0.6)) return { kind: 'key', key: random.pick(anyKey) };
  return {
    kind: 'range',
    range: pickRange(random),
    limit: random.between(1, 12),
    reverse: random.chance(0.3),
  };
}

/** `mark` makes the values of this transaction its own. */
export function pickMutation(random: SeededRandom, mark: string): MutationRequest {
  const ttlMs = random.chance(0.2) ? random.between(500, 6000) : undefined;
  const set = (key: Key): MutationRequest => ({
    kind: 'set',
    key,
    bytes: Buffer.from(
      `${mark}.${random.between(0, 999)}${random.chance(0.03) ? '.'.repeat(largeBytes) : ''}`,
    ),
    contentType: 'text/plain',
    ttlMs,
  });
  const atomic = (kind: 'sum' | 'min' | 'max', key: Key): MutationRequest => {
    return { kind, key, operand: BigInt(random.between(-20, 50)), ttlMs };
  };
  return random.weighted<() => MutationRequest>([
    [8, () => set(random.pick(registers))],
    [2, () => ({ kind: 'delete', key: random.pick(registers) })],
    [1, () => ({ kind: 'deleteRange', range: pickBounded(random) })],
    [2, () => atomic(random.pick(['sum', 'min', 'max'] as const), random.pick(mixed))],
    [1, () => set(random.pick(mixed))],
    [1, () => ({ kind: 'delete', key: random.pick(mixed) })],
  ])();
}

/** Never reaches beyond the registers. */
function pickBounded(random: SeededRandom): KeyRange {
  const range = pickRange(random);
  return range.end === undefined ? prefixRange(keyFromText('register/')) : range;
}

/** A demand on a key's present state: mostly one that holds, as far as the client knows. */
export function pickCheck(random: SeededRandom, versions: ReadonlyMap<Key, number | undefined>): Check {
  const key = random.pick(anyKey);
  const version = versions.get(key);
  if (version === undefined) return { key, expect: random.chance(0.7) ? 'absent' : 'present' };
  return { key, expect: random.chance(0.7) ? { version: version as never } : 'present' };
}
